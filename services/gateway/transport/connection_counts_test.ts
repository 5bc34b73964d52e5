import assert from "node:assert/strict";
import { ConnectionCounts } from "./connection_counts.ts";

Deno.test("connections are counted now, at most, and over time", () => {
  let time = 0;
  const counts = new ConnectionCounts(() => time);
  counts.open("websocket");
  time = 1_000;
  counts.open("polling");
  assert.equal(counts.seconds, 1);
  time = 3_000;
  assert.equal(counts.seconds, 5);
  counts.close("websocket", 1000);
  time = 10_000;
  assert.equal(counts.seconds, 12);
  counts.close("polling", 1006);
  assert.deepEqual([counts.now, counts.peak, counts.opened, counts.seconds], [0, 2, 2, 12]);
});
