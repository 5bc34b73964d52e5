/**
 * How long to wait before another attempt.
 *
 * @module
 */

/** Bound of the first wait, milliseconds. */
const BASE_MS = 1_000;

/** Highest bound, milliseconds. */
const CAP_MS = 30_000;

/** How long to wait, milliseconds, if the server defers a frame without `retryAfter`. */
export const DEFAULT_RETRY_AFTER_MS = 1_000;

/**
 * Returns the wait before the nth attempt in a row, in milliseconds; `attempt` begins with 1. Uses
 * exponential backoff with full jitter ("Exponential Backoff and Jitter", AWS Architecture Blog): any
 * time up to a bound that doubles. A crowd of clients spreads evenly that way.
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
