/**
 * Whether the log is still the one that the archive holds. Seqs alone cannot tell: a log restored
 * from an older copy grows past its old end. So messages are compared.
 *
 * @module
 */
import { createHash } from "node:crypto";
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import type { Archive, ArchiveRow, Generation, Mark } from "../archive/archive.ts";
import { toArchiveRow } from "../log/archive_row.ts";
import { type LogMessage, readMessage } from "../log/stream.ts";

/** Most messages that are compared when the marked one has left the log. */
const MAX_COMPARED = 100;

/** Returns what tells a message from any other at its seq. */
export function markOf({ seq, time, subject, data }: LogMessage): Mark {
  const hash = createHash("sha256").update(subject).update("\0").update(data).digest("hex");
  return { seq, time, hash };
}

/**
 * Compares the log with a generation of the archive. Returns why it is not the same log; null if it
 * is, or if nothing is left that could be compared.
 */
export async function differenceOf(
  manager: JetStreamManager,
  archive: Archive,
  generation: Generation,
  { state }: StreamInfo,
): Promise<string | null> {
  const { position, mark, firstSeq } = generation;
  if (state.last_seq < position) return `it ends at ${state.last_seq}, the archive at ${position}`;
  if (mark !== null && mark.seq >= state.first_seq) {
    const message = await readMessage(manager, mark.seq);
    if (message !== null) {
      const { time, hash } = markOf(message);
      return time === mark.time && hash === mark.hash ? null : `message ${mark.seq} is another one`;
    }
  }
  const oldest = Math.max(state.first_seq, firstSeq, position - MAX_COMPARED + 1);
  for (let seq = position; seq >= oldest; seq--) {
    const message = await readMessage(manager, seq);
    const same = message === null ? undefined : await equals(archive, generation, message);
    if (same !== undefined) return same ? null : `message ${seq} is another one`;
  }
  return null;
}

/**
 * Returns the seq up to which the log has the messages of a generation, by bisection: below it they
 * are equal, above it the log has others, or none.
 */
export async function commonEnd(
  manager: JetStreamManager,
  archive: Archive,
  generation: Generation,
  { state }: StreamInfo,
): Promise<number> {
  const { position, firstSeq } = generation;
  /** Everything up to `low` is common, as far as can be told; `high` is not, or nothing exists. */
  let low = Math.max(state.first_seq, firstSeq) - 1;
  let high = Math.min(state.last_seq, position) + 1;
  while (high - low > 1) {
    const middle = low + Math.floor((high - low) / 2);
    const same = await compareNext(manager, archive, generation, middle, high);
    if (same === null) high = middle;
    else if (same.equal) low = same.seq;
    else high = middle;
  }
  return low;
}

/**
 * Compares the first message at or after `seq` and before `end` that both have. Returns null if
 * there is none.
 */
async function compareNext(
  manager: JetStreamManager,
  archive: Archive,
  generation: Generation,
  seq: number,
  end: number,
): Promise<{ seq: number; equal: boolean } | null> {
  for (let tries = 0; tries < MAX_COMPARED; tries++) {
    const message = await readMessage(manager, seq, true);
    if (message === null || message.seq >= end) return null;
    const equal = await equals(archive, generation, message);
    if (equal !== undefined) return { seq: message.seq, equal };
    seq = message.seq + 1;
  }
  return null;
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
