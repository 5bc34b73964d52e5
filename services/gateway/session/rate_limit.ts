/**
 * A token bucket: a steady rate with a burst. It needs no timer, since it refills when it is used.
 *
 * @module
 */

/** Returns what one connection may send, which is full at first. */
export function frameRate(
  limits: { RATE_FRAMES_PER_SECOND: number; RATE_BURST: number },
  now: number,
): RateLimit {
  return new RateLimit(limits.RATE_FRAMES_PER_SECOND, limits.RATE_BURST, now);
}

/** The frame allowance of one connection. */
export class RateLimit {
  /** Tokens added per millisecond. */
  readonly #perMs: number;
  readonly #burst: number;
  #tokens: number;
  #refilledAt: number;

  /**
   * Allows `perSecond` frames a second, and up to `burst` at once after a pause. Starts full. `now` is
   * a monotonic time in milliseconds.
   */
  constructor(perSecond: number, burst: number, now: number) {
    this.#perMs = perSecond / 1_000;
    this.#burst = burst;
    this.#tokens = burst;
    this.#refilledAt = now;
  }

  /**
   * Takes one token. Returns 0 if there was one, otherwise the milliseconds until there will be. `now`
   * is a monotonic time in milliseconds.
   */
  take(now: number): number {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#refilledAt) * this.#perMs);
    this.#refilledAt = now;
    if (this.#tokens >= 1) {
      this.#tokens -= 1;
      return 0;
    }
    return Math.ceil((1 - this.#tokens) / this.#perMs);
  }
}
