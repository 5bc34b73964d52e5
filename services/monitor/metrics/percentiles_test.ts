/** Percentiles from buckets are right within one bucket. */
import fc from "fast-check";
import assert from "node:assert/strict";
import { DURATION_BUCKETS } from "../../contract/mod.ts";
import { addBuckets, countOf, percentile } from "./percentiles.ts";

/** Counts values into buckets as OpenTelemetry does: a value that is a bound belongs below it. */
function bucketsOf(values: readonly number[], bounds: readonly number[] = DURATION_BUCKETS) {
  const counts = new Array<number>(bounds.length + 1).fill(0);
  for (const value of values) {
    const index = bounds.findIndex((bound) => value <= bound);
    counts[index < 0 ? bounds.length : index]!++;
  }
  return { bounds, counts };
}

const bucketAt = (value: number) => {
  const index = DURATION_BUCKETS.findIndex((bound) => value <= bound);
  return index < 0 ? DURATION_BUCKETS.length : index;
};

Deno.test("a percentile lies in the bucket of the exact one", () => {
  fc.assert(fc.property(
    fc.array(fc.double({ min: 0, max: 20, noNaN: true }), { minLength: 1, maxLength: 200 }),
    fc.constantFrom(0.5, 0.9, 0.95, 0.99, 1),
    (values, share) => {
      const sorted = values.toSorted((a, b) => a - b);
      const exact = sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)]!;
      const estimate = percentile(bucketsOf(values), share)!;
      const bucket = bucketAt(exact);
      const lower = bucket === 0 ? 0 : DURATION_BUCKETS[bucket - 1]!;
      const upper = DURATION_BUCKETS[bucket] ?? Infinity;
      assert.ok(lower <= estimate && estimate <= upper, `${estimate} for ${exact}`);
    },
  ));
});

Deno.test("percentiles never fall as the share grows", () => {
  fc.assert(fc.property(fc.array(fc.nat(100), { minLength: 18, maxLength: 18 }), (counts) => {
    const buckets = { bounds: DURATION_BUCKETS, counts };
    const found = [0.01, 0.5, 0.95, 0.99, 1].map((share) => percentile(buckets, share));
    if (countOf(buckets) === 0) return assert.deepEqual(new Set(found), new Set([null]));
    assert.deepEqual(found, found.toSorted((a, b) => a! - b!));
  }));
});

Deno.test("beyond the last bound all count as the bound, and without values there is none", () => {
  assert.equal(percentile({ bounds: [1, 2], counts: [0, 0, 9] }, 0.5), 2);
  assert.equal(percentile({ bounds: [1, 2], counts: [0, 0, 0] }, 0.5), null);
  assert.equal(percentile({ bounds: [], counts: [3] }, 0.5), 0);
  assert.equal(percentile({ bounds: [1, 2], counts: [4, 0, 0] }, 0.5), 0.5);
});

Deno.test("histograms add up; one with other buckets is left out", () => {
  const sum = addBuckets([
    { bounds: [1, 2], counts: [1, 2, 3] },
    { bounds: [1, 2], counts: [1, 0, 1] },
    { bounds: [1], counts: [100, 100] },
  ]);
  assert.deepEqual([...sum.counts as Float64Array], [2, 2, 4]);
  assert.equal(countOf(addBuckets([])), 0);
});
