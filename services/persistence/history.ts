/**
 * Serves `history.read` from the archive.
 *
 * @module
 */
import {
  HistoryHeads,
  type HistoryPage,
  HistoryRead,
  MAX_PAGE_BYTES,
  type RoomEvent,
} from "../contract/mod.ts";
import { type Bus, errorText, FaultError, serve } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";
import type { ArchiveProgress, Position } from "./archive_progress.ts";
import { ByteGate } from "./byte_gate.ts";
import { SingleFlight } from "./single_flight.ts";

/** Most distinct reads in progress. Further ones are refused; equal ones share a read. */
const MAX_READS = 1_024;

/**
 * Most bytes of replies in flight to NATS. The client library queues without a bound. The number of
 * waiting replies is bounded by the requests that an endpoint handles at a time.
 */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** How long an unconfirmed reply counts as in flight, milliseconds. */
const CONFIRM_MS = 5_000;

type Query = typeof HistoryRead["request"]["_output"];

/** A page and its approximate size as JSON. */
interface SizedPage {
  page: HistoryPage;
  bytes: number;
}

/** Options of {@link serveHistory}, for tests. */
export interface HistoryOptions {
  bus: Bus;
  archive: Pick<Archive, "page">;
  archiveProgress: Pick<ArchiveProgress, "waitUntilArchived" | "current">;
  maxReads?: number;
  maxReplyBytes?: number;
}

/**
 * Serves history. Returns a function that stops: it accepts no new requests and answers those in
 * progress.
 */
export function serveHistory(options: HistoryOptions): () => Promise<void> {
  const { bus, archive, archiveProgress } = options;
  const flights = new SingleFlight<SizedPage>(options.maxReads ?? MAX_READS);
  const gate = new ByteGate(options.maxReplyBytes ?? MAX_REPLY_BYTES);

  const read = async (query: Query): Promise<SizedPage> => {
    const { room, before, after, limit, upTo } = query;
    const position = upTo === undefined
      ? await archiveProgress.current()
      : await archiveProgress.waitUntilArchived(upTo);
    return await readPage(bus, archive, position, { room, before, after, limit });
  };

  const subscription = serve(bus, HistoryRead, "persistence", async (query) => {
    const { room, before, after, limit, upTo } = query;
    const key = [room, before, after, limit, upTo].join(" ");
    const { page, bytes } = await flights.do(key, () => read(query));
    await gate.enter(bytes);
    // The reply is handed to the connection in this turn of the event loop. A flush after it
    // confirms that it was sent.
    setTimeout(() => void confirmed(bus).finally(() => gate.leave(bytes)), 0);
    return page;
  });
  const heads = serve(bus, HistoryHeads, "persistence", async ({ rooms }) => {
    const position = await archiveProgress.current();
    const pages = rooms.map((room) => readPage(bus, archive, position, { room, limit: 1 }));
    const found = (await Promise.all(pages)).map(({ page }) =>
      page.messages[0]?.seq ?? page.trimmedTo
    );
    return { epoch: position.epoch, heads: found };
  });
  return async () => {
    await Promise.all([subscription.drain(), heads.drain()]);
  };
}

async function readPage(
  bus: Bus,
  archive: Pick<Archive, "page">,
  { epoch, floor }: Position,
  query: Omit<Query, "upTo">,
): Promise<SizedPage> {
  try {
    // Nothing above the floor: a message there may be archived while an earlier one is not.
    const { messages, more, trimmedTo } = await archive.page({
      ...query,
      epoch,
      maxBytes: MAX_PAGE_BYTES,
      ceiling: floor,
    });
    let bytes = 0;
    const parsed = messages.map(({ seq, prev, event }) => {
      bytes += event.length;
      return { ...JSON.parse(event) as RoomEvent, seq, prev };
    });
    return { page: { messages: parsed, more, epoch, trimmedTo }, bytes };
  } catch (error) {
    bus.log.warn("cannot read history", { room: query.room, error: errorText(error) });
    throw new FaultError("unavailable", "the archive is unavailable", 1_000);
  }
}

/** Resolves when NATS confirms everything sent so far, or after a deadline. */
async function confirmed(bus: Bus): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CONFIRM_MS));
  await Promise.race([bus.nats.flush().catch(() => {}), late]);
  clearTimeout(timer);
}
