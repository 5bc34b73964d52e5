import assert from "node:assert/strict";
import { ROOM_BUCKETS } from "./limits.ts";
import { bucketOf } from "./rooms.ts";
import {
  childrenOf,
  MAX_STREAMS,
  parentOf,
  ROOMS_STREAMS,
  STREAM_COUNTS,
  streamCountOf,
  streamIndexOf,
  streamSubjects,
} from "./streams.ts";
import { ROOMS_STREAM } from "./subjects.ts";

Deno.test("each bucket is in one stream, and each stream has equally many", () => {
  assert.equal(Math.max(...STREAM_COUNTS), MAX_STREAMS);
  assert.equal(ROOMS_STREAMS.length, new Set(ROOMS_STREAMS).size);
  assert.equal(ROOMS_STREAMS[0], ROOMS_STREAM);
  for (const count of STREAM_COUNTS.filter((count) => count > 1)) {
    const all = Array.from({ length: count }, (_, index) => streamSubjects(index, count));
    for (const subjects of all) {
      assert.equal(subjects.length, ROOM_BUCKETS / count);
      assert.equal(streamCountOf(subjects), count);
    }
    assert.equal(new Set(all.flat()).size, ROOM_BUCKETS);
    for (const room of ["lobby", "hall", "chat.a", "game.1.red"]) {
      const subject = `room.message.${bucketOf(room)}.>`;
      assert.ok(all[streamIndexOf(room, count)]!.includes(subject));
    }
  }
});

Deno.test("while streams are divided, each bucket is in one of them", () => {
  const rooms = Array.from({ length: 500 }, (_, i) => `room${i}`);
  // Every order in which the streams may have been divided, from one to eight.
  const states: number[][] = [[1]];
  for (const counts of states) {
    for (const [index, count] of counts.entries()) {
      if (count === undefined || count === MAX_STREAMS) continue;
      const next = [...counts];
      next[index] = next[index + count] = 2 * count;
      if (!states.some((one) => `${one}` === `${next}`)) states.push(next);
    }
  }
  assert.ok(states.length > 20);
  for (const counts of states) {
    const known = counts.flatMap((count, index) => count === undefined ? [] : [index]);
    const subjects = known.map((index) => streamSubjects(index, counts[index]!));
    if (known.length > 1) assert.equal(new Set(subjects.flat()).size, ROOM_BUCKETS);
    if (known.length > 1) assert.equal(subjects.flat().length, ROOM_BUCKETS);
    for (const room of rooms) {
      const index = streamIndexOf(room, counts);
      const subject = `room.message.${bucketOf(room)}.>`;
      assert.ok(known.length === 1 || streamSubjects(index, counts[index]!).includes(subject));
    }
    // Those that have taken rooms are found from the first one on.
    const found = new Set([0]);
    for (const index of found) {
      for (const child of childrenOf(index, counts[index]!)) {
        assert.equal(parentOf(child), index);
        found.add(child);
      }
    }
    assert.deepEqual([...found].sort(), known);
  }
  for (const count of STREAM_COUNTS) {
    const counts = Array<number>(count).fill(count);
    for (const room of rooms) {
      assert.equal(streamIndexOf(room, counts), streamIndexOf(room, count));
    }
  }
});

Deno.test("an operator's own subjects do not change the number of streams", () => {
  assert.equal(streamCountOf(["room.message.>", "orders.>"]), 1);
  assert.equal(streamCountOf([...streamSubjects(0, 2), "orders.>"]), 2);
  assert.equal(streamCountOf([]), 1);
});
