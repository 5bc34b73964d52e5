/**
 * Answers `history.read` from the archive.
 *
 * @module
 */
import { type HistoryPage, HistoryRead, MAX_PAGE_BYTES, type RoomEvent } from "../contract/mod.ts";
import { type Bus, errorText, FaultError, serve } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";
import type { Barrier, Position } from "./barrier.ts";
import { ByteGate } from "./byte_gate.ts";
import { SingleFlight } from "./single_flight.ts";

/** Different reads under way at a time; one more is refused. Equal ones are one. */
const MAX_READS = 1_024;

/**
 * Bytes of replies on their way to NATS at a time: the client library queues what it is given without
 * a bound. Who must wait is within the number of requests that an endpoint works on.
 */
const MAX_REPLY_BYTES = 64 * 1024 * 1024;

/** How long a reply may count as on its way when NATS does not confirm it, milliseconds. */
const CONFIRM_MS = 5_000;

type Query = typeof HistoryRead["request"]["_output"];

/** A page, and about how long it is as JSON. */
interface SizedPage {
  page: HistoryPage;
  bytes: number;
}

/** Options of {@link serveHistory}, for tests. */
export interface HistoryOptions {
  bus: Bus;
  archive: Pick<Archive, "page">;
  barrier: Pick<Barrier, "reach" | "now">;
  maxReads?: number;
  maxReplyBytes?: number;
}

/** Serves history. Gives back how to finish: no new requests, those under way answered. */
export function serveHistory(options: HistoryOptions): () => Promise<void> {
  const { bus, archive, barrier } = options;
  const flights = new SingleFlight<SizedPage>(options.maxReads ?? MAX_READS);
  const gate = new ByteGate(options.maxReplyBytes ?? MAX_REPLY_BYTES);

  const read = async (query: Query): Promise<SizedPage> => {
    const { room, before, after, limit, upTo } = query;
    const position = upTo === undefined ? await barrier.now() : await barrier.reach(upTo);
    return await readPage(bus, archive, position, { room, before, after, limit });
  };

  const subscription = serve(bus, HistoryRead, "persistence", async (query) => {
    const { room, before, after, limit, upTo } = query;
    const key = [room, before, after, limit, upTo].join(" ");
    const { page, bytes } = await flights.do(key, () => read(query));
    await gate.enter(bytes);
    // After this turn the reply has been handed to the connection; a flush tells that it has left.
    setTimeout(() => void confirmed(bus).finally(() => gate.leave(bytes)), 0);
    return page;
  });
  return () => subscription.drain();
}

async function readPage(
  bus: Bus,
  archive: Pick<Archive, "page">,
  { epoch, floor }: Position,
  query: Omit<Query, "upTo">,
): Promise<SizedPage> {
  try {
    // Nothing above the floor: there a message may be archived while one before it is not yet.
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
    bus.log.warn("history could not be read", { room: query.room, error: errorText(error) });
    throw new FaultError("unavailable", "the archive is not reached", 1_000);
  }
}

/** Resolves when what was sent so far has left, or it has become useless to wait. */
async function confirmed(bus: Bus): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CONFIRM_MS));
  await Promise.race([bus.nats.flush().catch(() => {}), late]);
  clearTimeout(timer);
}
