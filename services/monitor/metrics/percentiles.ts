/**
 * Percentiles of histograms. No I/O.
 *
 * @module
 */

/** How many values each bucket has; `bounds` are the upper bounds of all buckets but the last. */
export interface Buckets {
  bounds: readonly number[];
  counts: ArrayLike<number>;
}

/** Returns how many values there are. */
export function countOf({ counts }: Buckets): number {
  let count = 0;
  for (let index = 0; index < counts.length; index++) count += counts[index]!;
  return count;
}

/**
 * Returns a percentile, `share` being 0 to 1: within its bucket the values count as spread evenly, and
 * beyond the last bound all count as that bound. Null if there are no values.
 *
 * @example
 * ```ts
 * import { percentile } from "./percentiles.ts";
 * import assert from "node:assert/strict";
 * const buckets = { bounds: [1, 2, 4], counts: [0, 10, 10, 0] };
 * assert.equal(percentile(buckets, 0.25), 1.5);
 * assert.equal(percentile(buckets, 0.75), 3);
 * ```
 */
export function percentile(buckets: Buckets, share: number): number | null {
  const { bounds, counts } = buckets;
  const total = countOf(buckets);
  if (total === 0) return null;
  let left = share * total;
  for (let index = 0; index < counts.length; index++) {
    const count = counts[index]!;
    if (count === 0 || left > count) {
      left -= count;
      continue;
    }
    const lower = index === 0 ? 0 : bounds[index - 1]!;
    const upper = bounds[index] ?? lower;
    return lower + (upper - lower) * (left / count);
  }
  return bounds.at(-1) ?? 0;
}

/** Adds histograms. Those whose bounds are not those of the first one are left out. */
export function addBuckets(all: Iterable<Buckets>): Buckets {
  let bounds: readonly number[] = [];
  let counts: Float64Array | undefined;
  for (const one of all) {
    if (counts === undefined) {
      bounds = one.bounds;
      counts = new Float64Array(one.bounds.length + 1);
    } else if (!sameBounds(bounds, one.bounds)) continue;
    for (let index = 0; index < counts.length; index++) counts[index]! += one.counts[index] ?? 0;
  }
  return { bounds, counts: counts ?? [] };
}

/** Whether two histograms have the same buckets. */
export function sameBounds(one: readonly number[], other: readonly number[]): boolean {
  return one === other ||
    one.length === other.length && one.every((bound, index) => bound === other[index]);
}
