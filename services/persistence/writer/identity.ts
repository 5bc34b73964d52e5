/**
 * Whether the log is still the one that the archive holds. Seqs alone cannot tell: a log restored
 * from an older copy grows past its old end. So messages are compared.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { StreamInfo } from "@nats-io/jetstream";
import type { Archive, ArchiveRow, Generation, Mark } from "../archive/archive.ts";
import { toArchiveRow } from "../log/archive_row.ts";
import { type LogMessage, type LogStream, readMessage } from "../log/stream.ts";

/** Most messages that are compared when the marked one has left the log. */
const MAX_COMPARED = 100;

/** Returns what tells a message from any other at its seq. */
export function markOf({ seq, time, subject, data }: LogMessage): Mark {
  const hash = createHash("sha256").update(subject).update("\0").update(data).digest("hex");
  return { seq, time, hash };
}

/**
 * Compares the log, which reaches the position of a generation of the archive, with that generation.
 * Returns why it is not the same log; null if it is, or if nothing is left that could be compared.
 */
export async function differenceOf(
  log: LogStream,
  archive: Archive,
  generation: Generation,
  { state }: StreamInfo,
): Promise<string | null> {
  const { position, mark, firstSeq } = generation;
  if (mark !== null && mark.seq >= state.first_seq) {
    const message = await readMessage(log, mark.seq);
    if (message !== null) {
      const { time, hash } = markOf(message);
      return time === mark.time && hash === mark.hash
        ? null
        : `its message ${mark.seq} is another one`;
    }
  }
  const oldest = Math.max(state.first_seq, firstSeq, position - MAX_COMPARED + 1);
  for (let seq = position; seq >= oldest; seq--) {
    const message = await readMessage(log, seq);
    const same = message === null ? undefined : await equals(archive, generation, message);
    if (same !== undefined) return same ? null : `its message ${seq} is another one`;
  }
  return null;
}

/**
 * Returns the seq up to which the log has the messages of the archive, by bisection: up to it they are
 * equal, after it the log has others, or none. `known` are the generations, oldest first.
 */
export async function commonEnd(
  log: LogStream,
  archive: Archive,
  known: readonly Generation[],
  { state }: StreamInfo,
): Promise<number> {
  const position = Math.max(...known.map((generation) => generation.position));
  /** Up to `low` all is common. From `high` on nothing is. */
  let low = Math.min(state.first_seq - 1, state.last_seq);
  let high = Math.min(state.last_seq, position) + 1;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    const message = await readMessage(log, middle, true);
    if (message === null || message.seq >= high) high = middle;
    else if (await isArchived(archive, known, message)) low = message.seq;
    else high = middle;
  }
  return low;
}

/**
 * Whether the archive has, or had, a message. Where retention has deleted the row, time decides: what
 * was stored before the last message that was archived was archived itself.
 */
async function isArchived(
  archive: Archive,
  known: readonly Generation[],
  message: LogMessage,
): Promise<boolean> {
  // It stands for one of another stream.
  if (!message.subject.startsWith("room.message.")) return true;
  // Each seq belongs to the newest generation that begins at or before it.
  const generation = known.findLast(({ firstSeq }) => firstSeq <= message.seq) ?? known[0]!;
  const equal = await equals(archive, generation, message);
  if (equal !== undefined) return equal;
  const times = known.flatMap(({ mark }) => mark === null ? [] : [BigInt(mark.time)]);
  return generation.unverified || times.some((time) => BigInt(message.time) <= time);
}

/** Whether the archive has this message; undefined if that cannot be told. */
async function equals(
  archive: Archive,
  { epoch, unverified }: Generation,
  message: LogMessage,
): Promise<boolean | undefined> {
  const { row } = toArchiveRow(message);
  const [archived] = await archive.rows(epoch, [row]);
  if (archived !== undefined) return sameMessage(archived, row);
  const [trimmed] = await archive.trimMarks(epoch, [row.room]);
  // No row, although the room is complete here: the log has a message that the archive never had.
  return trimmed! >= row.seq || unverified ? undefined : false;
}

/** Whether a row is that of a message. The event may have been erased since. */
function sameMessage(archived: ArchiveRow, row: ArchiveRow): boolean {
  return archived.storedAt === row.storedAt;
}
