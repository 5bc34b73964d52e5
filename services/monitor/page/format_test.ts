import assert from "node:assert/strict";
import { bytesText, countText, durationText, plainText, rateText, shareText } from "./format.ts";

Deno.test("durations have three digits at most, and the unit that fits", () => {
  const texts = [0, 4.26, 850, 999, 1_000, 1_240, 12_400, 999_499, 999_500, 2_100_000]
    .map((micros) => durationText(micros));
  assert.deepEqual(texts, [
    "0 µs",
    "4.26 µs",
    "850 µs",
    "999 µs",
    "1 ms",
    "1.24 ms",
    "12.4 ms",
    "999 ms",
    "1 s",
    "2.1 s",
  ]);
  assert.equal(durationText(600e6), "10 min");
  assert.equal(durationText(26 * 3_600e6), "26 h");
  assert.equal(durationText(72 * 3_600e6), "3 d");
  assert.equal(durationText(-85), "-85 µs");
  assert.equal(durationText(2_280, 1), "2.3 ms");
  assert.equal(durationText(null), "–");
});

Deno.test("counts, rates, bytes and shares", () => {
  assert.equal(countText(1_204_455), "1,204,455");
  assert.equal(rateText(2_412.4), "2,412");
  assert.equal(rateText(4.267), "4.27");
  assert.equal(bytesText(0), "0 B");
  assert.equal(bytesText(999), "999 B");
  assert.equal(bytesText(18_400), "18.4 kB");
  assert.equal(bytesText(1.31e6), "1.31 MB");
  assert.equal(shareText(0), "0 %");
  assert.equal(shareText(0.0004), "< 0.1 %");
  assert.equal(shareText(0.0313), "3.1 %");
  assert.equal(shareText(1.5), "150 %");
});

Deno.test("texts of the contract lose the marks of code", () => {
  assert.equal(plainText("`send()` is called"), "send() is called");
});
