import assert from "node:assert/strict";
import { createIdleCheck } from "./idle_collection.ts";

const MIB = 1024 * 1024;

Deno.test("garbage is collected once, after the heap has grown and while the process is idle", () => {
  let [heap, cpu, collections] = [20 * MIB, 0, 0];
  const check = createIdleCheck({ heapUsed: () => heap, cpuTime: () => cpu }, () => {
    collections++;
    heap -= 10 * MIB;
  });
  const busy = () => {
    cpu += 40_000;
    check();
  };
  const idle = () => {
    cpu += 39_999;
    check();
  };
  busy();
  idle();
  busy();
  idle();
  assert.equal(collections, 0, "idle for one interval only");
  idle();
  assert.equal(collections, 1);
  heap += 8 * MIB - 1;
  for (let i = 0; i < 5; i++) idle();
  assert.equal(collections, 1, "little to collect");
  heap += 1;
  busy();
  idle();
  assert.equal(collections, 1, "busy a moment ago");
  idle();
  assert.equal(collections, 2);
  for (let i = 0; i < 5; i++) idle();
  assert.equal(collections, 2, "nothing new since the last one");
});
