import assert from "node:assert/strict";
import { SendWindow } from "./send_window.ts";

/** Windows after each of so many answers. */
const after = (window: SendWindow, count: number, took: number) =>
  Array.from({ length: count }, () => {
    window.answered(took);
    return window.size;
  });

Deno.test("it grows by one with each window of prompt answers, up to its limit", () => {
  assert.deepEqual(after(new SendWindow(150, { first: 1, max: 3 }), 8, 150), [
    ...[2, 2, 3],
    ...[3, 3, 3, 3, 3],
  ]);
});

Deno.test("a slow answer or a failure halves it, down to one", () => {
  const window = new SendWindow(150, { first: 5, max: 8 });
  assert.deepEqual(after(window, 5, 151), [5, 5, 5, 5, 2.5]);
  window.failed();
  window.failed();
  assert.equal(window.size, 1);
  assert.deepEqual(after(window, 3, 1), [2, 2, 3]);
});

Deno.test("without a bound no answer is too slow", () => {
  assert.deepEqual(after(new SendWindow(Infinity, { first: 1, max: 8 }), 3, 60_000), [2, 2, 3]);
});
