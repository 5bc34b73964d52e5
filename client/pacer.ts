/**
 * Keeps the client below the server's rate limit: a token bucket like the server's own.
 *
 * @module
 */
import type { Clock } from "./options.ts";

/** The share of the server's limit that is used. The server's clock differs from the client's. */
const SHARE = 0.9;

/** Tolerance for the rounding of fractional tokens. */
const EPSILON = 1e-6;

/** A rate limit as the server states it in `authenticated`. */
export interface Rate {
  /** Frames per second. */
  perSecond: number;
  /** Frames at once after a pause. */
  burst: number;
}

/** Tells when the next frame may be sent. */
export class Pacer {
  readonly #clock: Clock;
  #perMillisecond = Infinity;
  #burst = Infinity;
  #tokens = Infinity;
  #filledAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Starts with a full bucket on a new connection. Undefined means no limit. */
  setRate(rate: Rate | undefined): void {
    this.#perMillisecond = (rate?.perSecond ?? Infinity) * SHARE / 1_000;
    this.#burst = this.#tokens = Math.max(1, (rate?.burst ?? Infinity) * SHARE);
    this.#filledAt = this.#clock.now();
  }

  /**
   * Counts a frame that is being sent. Frames that cannot wait, such as `subscribe`, may overdraw the
   * bucket: the frames that can wait make up for it.
   */
  consume(): void {
    this.delay();
    this.#tokens--;
  }

  /** Returns the milliseconds until a frame may be sent; 0 if it may be sent now. */
  delay(): number {
    const now = this.#clock.now();
    if (this.#perMillisecond !== Infinity) {
      const gained = (now - this.#filledAt) * this.#perMillisecond;
      this.#tokens = Math.min(this.#burst, this.#tokens + gained);
    }
    this.#filledAt = now;
    if (this.#tokens > 1 - EPSILON) return 0;
    return Math.ceil((1 - this.#tokens) / this.#perMillisecond);
  }
}
