/**
 * Explains seqs that the log did not deliver: each is fetched by itself.
 *
 * @module
 */
import type { Hole, HoleKind } from "../archive/archive.ts";
import { type LogMessage, type LogStream, readMessage } from "./stream.ts";

/**
 * Most seqs that one call explains, unless the log begins after them. Each costs a request. The
 * caller asks again for the rest.
 */
const MAX_FETCHED = 1_000;

/** What became of a range of seqs. */
export interface Explanation {
  /** The last seq that is explained. */
  upTo: number;
  holes: Hole[];
  /** Messages that the log has after all, in order. */
  found: LogMessage[];
}

/**
 * Finds out what became of the seqs `first` to `last`, both included, which the log once had. Seqs
 * before the log's first one have expired, or were purged. A seq that the server lists as deleted
 * was deleted. One that can be read is returned. Anything else is unknown: the server has lost it.
 *
 * @throws {JetStreamApiError} if the log is unavailable
 */
export async function explain(
  stream: LogStream,
  first: number,
  last: number,
): Promise<Explanation> {
  const { state } = await stream.manager.streams.info(stream.name, { deleted_details: true });
  const holes: Hole[] = [];
  const found: LogMessage[] = [];
  if (state.first_seq > first) {
    addHole(holes, first, Math.min(last, state.first_seq - 1), "expired");
  }
  const deleted = new Set(state.deleted ?? []);
  const from = Math.max(first, state.first_seq);
  const upTo = Math.max(from - 1, Math.min(last, from + MAX_FETCHED - 1));
  for (let seq = from; seq <= upTo; seq++) {
    if (deleted.has(seq)) {
      addHole(holes, seq, seq, "deleted");
      continue;
    }
    const message = await readMessage(stream, seq);
    if (message !== null) found.push(message);
    else addHole(holes, seq, seq, await whyMissing(stream, seq));
  }
  return { upTo: Math.min(last, upTo), holes, found };
}

/** Looks again: the message may have expired, or have been deleted, since the list was read. */
async function whyMissing({ manager, name }: LogStream, seq: number): Promise<HoleKind> {
  const { state } = await manager.streams.info(name, { deleted_details: true });
  if (seq < state.first_seq) return "expired";
  return state.deleted?.includes(seq) ? "deleted" : "unknown";
}

/** Adds seqs to the list of holes, merged with the hole before if it has the same cause. */
function addHole(holes: Hole[], first: number, last: number, kind: HoleKind): void {
  const before = holes.at(-1);
  if (before !== undefined && before.kind === kind && before.last === first - 1) before.last = last;
  else holes.push({ first, last, kind });
}
