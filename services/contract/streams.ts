/**
 * The streams of the log. A small system has one; STREAMS spreads the buckets of rooms over several, each
 * with its own order. A room is in one of them, so the order of its messages is that of the stream. No
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
 * Returns the number of the stream that stores the messages of a room, in a log of `count` streams.
 *
 * @example
 * ```ts
 * import { streamIndexOf } from "./streams.ts";
 * import assert from "node:assert/strict";
 * assert.equal(streamIndexOf("lobby", 1), 0);
 * assert.equal(streamIndexOf("lobby", 4), 3); // its bucket is 19
 * ```
 */
export function streamIndexOf(room: string, count: number): number {
  return count === 1 ? 0 : bucketOf(room) % count;
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
