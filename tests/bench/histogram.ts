/**
 * A histogram of latencies with buckets 3 % wide, cheap enough for a million values per second.
 *
 * @module
 */

/** Buckets per octave. */
const STEPS = 32;
const STEP_BITS = 5;
const OCTAVES = 27;

/** A histogram. Values are whole microseconds; values above 35 minutes count as 35 minutes. */
export class Histogram {
  readonly #counts = new Float64Array(STEPS * OCTAVES);
  count = 0;

  /** Adds a value, microseconds. */
  add(microseconds: number): void {
    const value = microseconds < 0 ? 0 : microseconds > 0x7fffffff ? 0x7fffffff : microseconds | 0;
    const shift = value < STEPS * 2 ? 0 : 31 - Math.clz32(value) - STEP_BITS;
    this.#counts[shift * STEPS + (value >> shift)]! += 1;
    this.count++;
  }

  /**
   * Returns the quantile for a share from 0 to 1, microseconds; NaN if the histogram is empty.
   *
   * @example
   * ```ts
   * import { Histogram } from "./histogram.ts";
   * import assert from "node:assert/strict";
   * const histogram = new Histogram();
   * for (let value = 1; value <= 10_000; value++) histogram.add(value);
   * assert.ok(Math.abs(histogram.quantile(0.99) - 9_900) < 9_900 * 0.032);
   * assert.ok(Math.abs(histogram.quantile(0.5) - 5_000) < 5_000 * 0.032);
   * ```
   */
  quantile(share: number): number {
    if (this.count === 0) return NaN;
    let left = Math.max(1, Math.ceil(this.count * share));
    for (let index = 0; index < this.#counts.length; index++) {
      left -= this.#counts[index]!;
      if (left > 0) continue;
      const shift = index < STEPS * 2 ? 0 : Math.floor(index / STEPS) - 1;
      return (index - shift * STEPS + 1) * 2 ** shift - 1;
    }
    return NaN;
  }
}
