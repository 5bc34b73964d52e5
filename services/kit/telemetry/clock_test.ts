import assert from "node:assert/strict";
import { Clock, microsOf, negativeHops, secondsBetween } from "./clock.ts";

/** Our clock, microseconds since 1970, at a value of `performance.now()`. */
const own = (monotonic: number) => (performance.timeOrigin + monotonic) * 1_000;

Deno.test("an offset larger than its error is applied, and the shortest exchange tells most", () => {
  const clock = new Clock();
  assert.ok(Number.isNaN(clock.offset) && Number.isNaN(clock.error));
  const began = performance.now();
  // Our clock is 10 s ahead of the server's. The answer came late in a long exchange.
  clock.learn(began, began + 100, own(began + 95) - 10_000_000);
  assert.equal(clock.error, 50_000);
  clock.learn(began, began + 2, own(began + 1) - 10_000_000);
  assert.equal(clock.error, 1_000);
  assert.ok(Math.abs(clock.offset - 10_000_000) <= 1_000, `${clock.offset}`);
  const now = performance.now();
  assert.ok(Math.abs(clock.at(now) - (own(now) - 10_000_000)) <= 10_000, "not applied");
});

Deno.test("an offset within its error is stated and not applied", () => {
  const clock = new Clock();
  const began = performance.now();
  clock.learn(began, began + 2, own(began + 1) - 400);
  assert.ok(Math.abs(clock.offset - 400) < 50);
  const now = performance.now();
  assert.ok(Math.abs(clock.at(now) - own(now)) <= 10_000);
  clock.forget();
  assert.ok(Number.isNaN(clock.offset));
});

Deno.test("a hop that would have taken less than no time counts as 0, and is counted", () => {
  const before = negativeHops();
  assert.equal(secondsBetween(1_000_000, 2_500_000), 1.5);
  assert.equal(secondsBetween(2, 1), 0);
  assert.equal(negativeHops(), before + 1);
});

Deno.test("a server's time is read to the microsecond", () => {
  assert.equal(microsOf("2026-11-25T18:11:20.237194657Z"), 1_795_630_280_237_195);
  assert.equal(microsOf("2026-11-25T18:11:20Z"), 1_795_630_280_000_000);
  assert.ok(Number.isNaN(microsOf("yesterday")));
});
