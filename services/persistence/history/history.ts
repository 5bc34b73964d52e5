/**
 * Serves `history.read` and `history.heads` from the archive.
 *
 * @module
 */
import { HistoryHeads, HistoryRead, MAX_PAGE_BYTES } from "../../contract/mod.ts";
import { type Bus, EncodedReply, errorText, FaultError, serve } from "../../kit/mod.ts";
import type { Archive } from "../archive/archive.ts";
import { type RetentionRule, visibleNow } from "../retention/retention.ts";
import type { ArchiveState, Snapshot } from "./archive_state.ts";
import { ByteGate } from "./byte_gate.ts";
import { type HistoryPageFound, readHistory } from "./generations.ts";
import { SingleFlight } from "./single_flight.ts";

/** Most distinct reads in progress. Further ones are refused; equal ones share a read. */
const MAX_READS = 1_024;

/**
 * Most bytes of pages that are read, or in flight to NATS, whose client library queues without a
 * bound. Before a page is read it counts as large as a page may be.
 */
const MAX_PAGES_BYTES = 64 * 1024 * 1024;

/** How long an unconfirmed reply counts as in flight, milliseconds. */
const CONFIRM_MS = 5_000;

type Query = typeof HistoryRead["request"]["_output"];

/** A page that was read, and the bytes that are still reserved for it. */
interface Page {
  json: string;
  reserved: number;
}

/** Options of {@link serveHistory}. */
export interface HistoryOptions {
  bus: Bus;
  /** The archive of the stream of a room, and what is known of that stream. */
  archiveOf(room: string): Pick<Archive, "page" | "heads">;
  stateOf(room: string): Pick<ArchiveState, "read" | "reach">;
  /** Resolves when the stream of a room is one that may have a seq. */
  find?(room: string, seq: number): Promise<void>;
  rules?: readonly RetentionRule[];
  maxReads?: number;
  maxBytes?: number;
}

/**
 * Serves history. Returns a function that stops: it accepts no new requests and answers those in
 * progress.
 */
export function serveHistory(options: HistoryOptions): () => Promise<void> {
  const { bus, archiveOf, stateOf, rules = [] } = options;
  const flights = new SingleFlight<Page>(options.maxReads ?? MAX_READS);
  const gate = new ByteGate(options.maxBytes ?? MAX_PAGES_BYTES);

  /** Reads a page as JSON, after reserving room for the largest one. */
  const read = async (query: Query): Promise<Page> => {
    const { upTo, repair = false, ...rest } = query;
    if (upTo !== undefined) await options.find?.(query.room, upTo);
    const state = stateOf(query.room);
    const snapshot = upTo === undefined ? await state.read() : await state.reach(upTo);
    await gate.enter(MAX_PAGE_BYTES);
    try {
      const visible = visibleNow(rules, query.room, Date.now());
      const page = await readPage(
        bus,
        archiveOf(query.room),
        snapshot,
        { ...rest, ...visible },
        repair,
      );
      return { json: encode(page), reserved: MAX_PAGE_BYTES };
    } catch (error) {
      gate.leave(MAX_PAGE_BYTES);
      throw error;
    }
  };

  const pages = serve(bus, HistoryRead, "persistence", async (query) => {
    const { room, before, after, limit, upTo, epoch, repair } = query;
    const key = JSON.stringify([room, before, after, limit, upTo, epoch, repair]);
    const found = await flights.do(key, () => read(query));
    const { json, reserved } = found;
    found.reserved = 0;
    // The first reply takes over what the read has reserved. Those that share the read wait.
    if (reserved > 0) gate.leave(reserved - json.length);
    else await gate.enter(json.length);
    // The reply is handed to the connection in this turn of the event loop. A flush after it
    // confirms that it was sent.
    setTimeout(() => void confirmed(bus).finally(() => gate.leave(json.length)), 0);
    return new EncodedReply(json);
  });
  const heads = serve(bus, HistoryHeads, "persistence", async ({ rooms }) => {
    return await available(bus, () => readHeads(options, rooms));
  });
  return async () => {
    await Promise.all([pages.drain(), heads.drain()]);
  };
}

/** Reads a page. A gateway that repairs or replays is told of holes by `trimmedTo`. */
async function readPage(
  bus: Bus,
  archive: Pick<Archive, "page">,
  snapshot: Snapshot,
  query: Omit<Query, "upTo" | "repair">,
  repair: boolean,
): Promise<HistoryPageFound> {
  const whole = { ...query, maxBytes: MAX_PAGE_BYTES };
  if (!repair) return await available(bus, () => readHistory(archive, snapshot, whole));
  const explained = { ...snapshot, unexplained: [] };
  return await available(bus, () => readHistory(archive, explained, whole));
}

/** Reads the heads of rooms, of each stream of the log together. */
async function readHeads(
  { archiveOf, stateOf }: Pick<HistoryOptions, "archiveOf" | "stateOf">,
  rooms: readonly string[],
): Promise<typeof HistoryHeads["reply"]["_output"]> {
  const byState = Map.groupBy(rooms, stateOf);
  const found = new Map<string, { seq: number; epoch: string }>();
  for (const [state, names] of byState) {
    const { epoch } = (await state.read()).generations.at(-1)!;
    const heads = await archiveOf(names[0]!).heads(epoch, names);
    for (const [i, name] of names.entries()) found.set(name, { seq: heads[i]!, epoch });
  }
  const all = rooms.map((room) => found.get(room)!);
  return {
    epoch: all[0]!.epoch,
    heads: all.map(({ seq }) => seq),
    ...(byState.size > 1 ? { epochs: all.map(({ epoch }) => epoch) } : {}),
  };
}

async function available<T>(bus: Bus, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FaultError) throw error;
    bus.log.warn("cannot read history", { error: errorText(error) });
    throw new FaultError("unavailable", "the archive is unavailable", 1_000);
  }
}

/** Writes a page as JSON. An event's text is copied, not parsed: it gets its seqs at the end. */
function encode({ messages, more, epoch, trimmedTo }: HistoryPageFound): string {
  const parts = messages.map(({ event, seq, prev }) =>
    `${event.slice(0, -1)}${event.length > 2 ? "," : ""}"seq":${seq},"prev":${prev}}`
  );
  const rest = JSON.stringify({ more, epoch, trimmedTo });
  return `{"messages":[${parts.join()}],${rest.slice(1)}`;
}

/** Resolves when NATS confirms everything sent so far, or after a deadline. */
async function confirmed(bus: Bus): Promise<void> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<void>((resolve) => timer = setTimeout(resolve, CONFIRM_MS));
  await Promise.race([bus.nats.flush().catch(() => {}), late]);
  clearTimeout(timer);
}
