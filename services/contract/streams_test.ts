import assert from "node:assert/strict";
import { ROOM_BUCKETS } from "./limits.ts";
import { bucketOf } from "./rooms.ts";
import {
  MAX_STREAMS,
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

Deno.test("an operator's own subjects do not change the number of streams", () => {
  assert.equal(streamCountOf(["room.message.>", "orders.>"]), 1);
  assert.equal(streamCountOf([...streamSubjects(0, 2), "orders.>"]), 2);
  assert.equal(streamCountOf([]), 1);
});
