import assert from "node:assert/strict";
import { textFrame } from "./frame.ts";
import { Window } from "./window.ts";

const frame = (bytes = 10) => textFrame(JSON.stringify("x".repeat(bytes)));

Deno.test("what came after a seq is given, oldest first", () => {
  const window = new Window(5);
  for (const seq of [7, 9, 12]) window.push({ seq, frame: frame() });
  assert.deepEqual(window.since(5)!.map(({ seq }) => seq), [7, 9, 12]);
  assert.deepEqual(window.since(7)!.map(({ seq }) => seq), [9, 12]);
  assert.deepEqual(window.since(8)!.map(({ seq }) => seq), [9, 12]);
  assert.deepEqual(window.since(12), []);
  assert.equal(window.since(4), null);
});

Deno.test("it keeps a bounded number, and knows from where on it is whole", () => {
  const window = new Window(0);
  for (let seq = 1; seq <= 2_000; seq++) window.push({ seq, frame: frame() });
  assert.equal(window.size, 256);
  assert.equal(window.floor, 2_000 - 256);
  assert.equal(window.since(window.floor)!.length, 256);
  assert.equal(window.since(window.floor - 1), null);
});

Deno.test("it keeps bounded bytes, and the newest however large", () => {
  const window = new Window(0);
  for (let seq = 1; seq <= 100; seq++) window.push({ seq, frame: frame(32_000) });
  assert.ok(window.size <= 8, String(window.size));
  assert.equal(window.since(99)!.length, 1);
  window.push({ seq: 101, frame: frame(1_000_000) });
  assert.deepEqual(window.since(100)!.map(({ seq }) => seq), [101]);
});
