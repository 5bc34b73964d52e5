/**
 * How long to wait before connecting again.
 *
 * @module
 */

/** Full jitter (as AWS's architecture blog names it): any time up to a bound that doubles. */
const [BASE_MS, CAP_MS] = [1_000, 30_000];

/**
 * Milliseconds to wait before the nth attempt in a row, the first being 1.
 *
 * @example
 * ```ts
 * import { backoff } from "./backoff.ts";
 * import assert from "node:assert/strict";
 * assert.equal(backoff(1, () => 0.5), 500);
 * assert.equal(backoff(3, () => 0.5), 2_000);
 * assert.equal(backoff(50, () => 0.5), 15_000);
 * ```
 */
export function backoff(attempt: number, random: () => number): number {
  return random() * Math.min(CAP_MS, BASE_MS * 2 ** (attempt - 1));
}
