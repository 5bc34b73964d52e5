import assert from "node:assert/strict";
import { textFrame } from "../wire/frame.ts";
import { createWindowBudget, type Delivered, Window } from "./window.ts";

const frame = (bytes = 10) => textFrame(JSON.stringify("x".repeat(bytes)));

function windowFrom(floor: number, budget = createWindowBudget()): Window {
  const window = new Window(budget);
  window.reset(floor);
  return window;
}

function range(from: number, to: number, bytes = 10): Delivered[] {
  return Array.from({ length: to - from + 1 }, (_, i) => ({ seq: from + i, frame: frame(bytes) }));
}

const seqs = (entries: Delivered[] | null) => entries?.map(({ seq }) => seq);

Deno.test("after() returns the messages after a seq, oldest first", () => {
  const window = windowFrom(5);
  for (const seq of [7, 9, 12]) window.push({ seq, frame: frame() });
  assert.deepEqual(seqs(window.after(5)), [7, 9, 12]);
  assert.deepEqual(seqs(window.after(7)), [9, 12]);
  assert.deepEqual(seqs(window.after(8)), [9, 12]);
  assert.deepEqual(window.after(12), []);
  assert.equal(window.after(4), null);
});

Deno.test("a window keeps a bounded number of messages, and its floor follows", () => {
  const window = windowFrom(0);
  for (const entry of range(1, 5_000)) window.push(entry);
  assert.equal(window.size, 512);
  assert.equal(window.floor, 5_000 - 512);
  assert.equal(window.after(window.floor)!.length, 512);
  assert.equal(window.after(window.floor - 1), null);
});

Deno.test("a window keeps bounded bytes, and always the newest message", () => {
  const window = windowFrom(0);
  for (const entry of range(1, 100, 32_000)) window.push(entry);
  assert.ok(window.size <= 16, String(window.size));
  assert.equal(window.after(99)!.length, 1);
  window.push({ seq: 101, frame: frame(1_000_000) });
  assert.deepEqual(seqs(window.after(100)), [101]);
});

Deno.test("evicted messages are freed", () => {
  const window = windowFrom(0);
  const kept: WeakRef<Delivered>[] = [];
  for (const entry of range(1, 1_000, 30_000)) {
    kept.push(new WeakRef(entry));
    window.push(entry);
  }
  const { gc } = globalThis as { gc?: () => void };
  if (gc === undefined) return assert.ok(window.size < 20);
  gc();
  assert.ok(kept.filter((one) => one.deref() !== undefined).length < 50);
});

Deno.test("many windows share one budget, and return their bytes to it", () => {
  const budget = createWindowBudget(100_000);
  const windows = Array.from({ length: 50 }, () => windowFrom(0, budget));
  for (let seq = 1; seq <= 20; seq++) {
    for (const window of windows) window.push({ seq, frame: frame(1_000) });
  }
  assert.ok(budget.used <= 101_100, String(budget.used));
  for (const window of windows) assert.ok(window.size >= 1);
  for (const window of windows) window.reset(20);
  assert.equal(budget.used, 0);
});

Deno.test("prepended messages go in front, as many of the newest as fit", () => {
  const window = windowFrom(10);
  for (const entry of range(11, 13)) window.push(entry);
  window.prepend(range(5, 10), 4);
  assert.equal(window.floor, 4);
  assert.deepEqual(seqs(window.after(4)), [5, 6, 7, 8, 9, 10, 11, 12, 13]);

  const full = windowFrom(1_000);
  for (const entry of range(1_001, 1_500)) full.push(entry);
  full.prepend(range(501, 1_000), 500);
  assert.equal(full.size, 512);
  assert.equal(full.floor, 988);
  assert.deepEqual(seqs(full.after(998)), [999, 1_000, ...seqs(range(1_001, 1_500))!]);
  for (const entry of range(1_501, 3_000)) full.push(entry);
  assert.deepEqual(seqs(full.after(2_997)), [2_998, 2_999, 3_000]);
});
