import assert from "node:assert/strict";
import { ByteGate } from "./byte_gate.ts";

Deno.test("the bytes in flight are bounded, and callers enter in order", async () => {
  const gate = new ByteGate(100);
  const entered: number[] = [];
  const enter = (bytes: number) => gate.enter(bytes).then(() => void entered.push(bytes));
  const all = [60, 40, 50, 10].map(enter);
  await Promise.all(all.slice(0, 2));
  assert.deepEqual(entered, [60, 40]);
  assert.equal(gate.bytes, 100);
  gate.leave(40);
  await Promise.resolve();
  assert.deepEqual(entered, [60, 40], "10 would fit, but 50 came first");
  gate.leave(60);
  await Promise.all(all);
  assert.deepEqual(entered, [60, 40, 50, 10]);
  assert.equal(gate.bytes, 60);
});

Deno.test("an amount above the limit enters alone", async () => {
  const gate = new ByteGate(100);
  await gate.enter(500);
  let second = false;
  const waiting = gate.enter(1).then(() => second = true);
  await Promise.resolve();
  assert.equal(second, false);
  gate.leave(500);
  await waiting;
});
