import assert from "node:assert/strict";
import { DURATION_BUCKETS } from "../../contract/mod.ts";
import { DurationHistogram } from "./duration_histograms.ts";

const create = () => new DurationHistogram("test", { unit: "s", description: "" });

Deno.test("a duration counts in the first bucket whose bound it does not exceed", () => {
  const series = create().of({ hop: "call" });
  for (const bound of DURATION_BUCKETS) series.record(bound);
  series.record(0);
  series.record(DURATION_BUCKETS.at(-1)! * 2);
  const expected = DURATION_BUCKETS.map((_, index) => index === 0 ? 2 : 1);
  assert.deepEqual([...series.counts], [...expected, 1]);
  assert.equal(series.count, DURATION_BUCKETS.length + 2);
  const sum = DURATION_BUCKETS.reduce((a, b) => a + b, 0) + DURATION_BUCKETS.at(-1)! * 2;
  assert.ok(Math.abs(series.sum - sum) < 1e-9);
});

Deno.test("what is no duration does not count", () => {
  const series = create().of({});
  for (const value of [NaN, -1, Infinity]) series.record(value);
  assert.deepEqual([series.count, series.sum], [0, 0]);
});

Deno.test("the same attributes are one series, and too many sets of them count together", () => {
  const histogram = create();
  assert.equal(histogram.of({ a: 1, b: "2" }), histogram.of({ b: "2", a: 1 }));
  assert.notEqual(histogram.of({ a: 1, b: "2" }), histogram.of({ a: 1, b: 2 }));
  assert.equal(histogram.recorded.length, 0, "nothing was recorded");
  for (let i = 0; i < 5_000; i++) histogram.of({ i }).record(1);
  const { recorded } = histogram;
  assert.ok(recorded.length <= 2_001, `${recorded.length}`);
  const rest = recorded.find(({ attributes }) => attributes["otel.metric.overflow"] === true)!;
  assert.equal(recorded.reduce((sum, { count }) => sum + count, 0), 5_000);
  assert.ok(rest.count > 2_990, `${rest.count}`);
});
