/**
 * The streams of the log. A small system has one; STREAMS spreads the buckets of rooms over several, each
 * with its own order. Their number can be doubled while the system runs: each stream is divided into two. A room is in one of them, so the order of its messages is that of the stream. No
 * I/O.
 *
 * @module
 */
import { ROOM_BUCKETS } from "./limits.ts";
import { bucketOf } from "./rooms.ts";
import { ROOMS_STREAM, ROOMS_STREAM_SUBJECT } from "./subjects.ts";

/**
 * The numbers of streams that a log may have. Each divides the number of buckets, so the streams get
 * equally many.
 */
export const STREAM_COUNTS: readonly number[] = [1, 2, 4, 8];

/** Most streams of a log. The rights of the services name each of them. */
export const MAX_STREAMS = 8;

/** The names of all streams that a log may have; see {@link roomsStream}. */
export const ROOMS_STREAMS: readonly string[] = Array.from(
  { length: MAX_STREAMS },
  (_, index) => roomsStream(index),
);

/**
 * Returns the name of a stream of the log, by its number from 0.
 *
 * @example
 * ```ts
 * import { roomsStream } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([roomsStream(0), roomsStream(3)], ["ROOMS", "ROOMS_3"]);
 * ```
 */
export function roomsStream(index: number): string {
  return index === 0 ? ROOMS_STREAM : `${ROOMS_STREAM}_${index}`;
}

/**
 * How far the seqs of a stream lie above those of the stream that it took rooms from, for each number
 * between them: seqs of a room go on to rise when it moves, and a seq tells which stream has it. At 20,000
 * messages a second a stream reaches the next one in 1.7 years, and {@link MAX_STREAMS} of them stay far
 * below the largest integer of JSON.
 */
export const SEQS_PER_STREAM = 2 ** 40;

/** How many streams of a log there were when a stream took its rooms from another one; 1 for the first. */
function countAtBirth(index: number): number {
  return index === 0 ? 1 : 2 ** (Math.floor(Math.log2(index)) + 1);
}

/**
 * Returns the stream from which another one took its rooms, by their numbers: when n streams become 2n,
 * stream i keeps half of its buckets, and stream i + n gets the others. Null for the first.
 *
 * @example
 * ```ts
 * import { parentOf } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual([0, 1, 2, 3, 6].map(parentOf), [null, 0, 0, 1, 2]);
 * ```
 */
export function parentOf(index: number): number | null {
  return index === 0 ? null : index - countAtBirth(index) / 2;
}

/**
 * Returns the streams that have taken rooms from a stream, in that order, given among how many streams it
 * counts itself now.
 *
 * @example
 * ```ts
 * import { childrenOf } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(childrenOf(0, 8), [1, 2, 4]);
 * assert.deepEqual(childrenOf(1, 4), [3]);
 * assert.deepEqual(childrenOf(1, 2), []);
 * ```
 */
export function childrenOf(index: number, count: number): number[] {
  const children: number[] = [];
  for (let size = countAtBirth(index); size < count; size *= 2) children.push(index + size);
  return children;
}

/**
 * Returns the number of the stream that stores the messages of a room. `counts` is how many streams the log
 * has; while it is raised, each stream has a count of its own, listed by the streams' numbers.
 *
 * @example
 * ```ts
 * import { streamIndexOf } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.equal(streamIndexOf("lobby", 1), 0);
 * assert.equal(streamIndexOf("lobby", 4), 3); // its bucket is 19
 * assert.equal(streamIndexOf("lobby", [4, 2, 4]), 1); // the second stream is still to be divided
 * ```
 */
export function streamIndexOf(room: string, counts: number | readonly number[]): number {
  if (typeof counts === "number") return counts === 1 ? 0 : bucketOf(room) % counts;
  const only = counts[0] ?? 1;
  if (only === 1) return 0;
  const bucket = bucketOf(room);
  let index = 0;
  for (let size = 1; size < (counts[index] ?? 0); size *= 2) {
    if (bucket % (2 * size) !== index) index += size;
  }
  return index;
}

/**
 * Returns a subject for what is no message of a room, in a stream that is about to take rooms from another
 * one: the ids of messages that were sent a moment ago.
 */
export function movingSubject(index: number): string {
  return `room.moving.${index}`;
}

/** Returns the subjects that a stream of a log of `count` streams stores. */
export function streamSubjects(index: number, count: number): string[] {
  if (count === 1) return [ROOMS_STREAM_SUBJECT];
  return Array.from(
    { length: ROOM_BUCKETS / count },
    (_, i) => `room.message.${index + i * count}.>`,
  );
}

/**
 * Returns how many streams a log has, from the subjects of one of them: the stream itself is the truth
 * that everybody follows. An operator may have added subjects of other kinds.
 *
 * @example
 * ```ts
 * import { streamCountOf, streamSubjects } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.equal(streamCountOf(["room.message.>"]), 1);
 * assert.equal(streamCountOf(streamSubjects(1, 4)), 4);
 * ```
 */
export function streamCountOf(subjects: readonly string[]): number {
  const buckets = subjects.filter((subject) => /^room\.message\.\d+\.>$/.test(subject)).length;
  return buckets === 0 ? 1 : Math.max(1, Math.floor(ROOM_BUCKETS / buckets));
}
