/**
 * No more frames than the server takes, as it has said: a token bucket like its own.
 *
 * @module
 */
import type { Clock } from "./types.ts";

/** The part of what the server takes that is used: its clock is not ours. */
const SHARE = 0.9;

/** See the module's doc. */
export class Pacer {
  readonly #clock: Clock;
  #perMs = Infinity;
  #burst = Infinity;
  #tokens = Infinity;
  #filledAt = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** What the server takes on the connection that begins; everything where it does not say. */
  limit(rate: { perSecond: number; burst: number } | undefined): void {
    this.#perMs = (rate?.perSecond ?? Infinity) * SHARE / 1_000;
    this.#burst = this.#tokens = Math.max(1, (rate?.burst ?? Infinity) * SHARE);
    this.#filledAt = this.#clock.now();
  }

  /** A frame goes, whether it may or not: what cannot wait is made up for by what can. */
  took(): void {
    this.wait();
    this.#tokens--;
  }

  /** Milliseconds until a frame may go; 0 for now. */
  wait(): number {
    const now = this.#clock.now();
    if (this.#perMs !== Infinity) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs);
    }
    this.#filledAt = now;
    // What is missing by a rounding error is there.
    return this.#tokens > 1 - 1e-6 ? 0 : Math.ceil((1 - this.#tokens) / this.#perMs);
  }
}
