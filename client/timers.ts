/**
 * The platform's clock, and named timers on any clock.
 *
 * @module
 */
import type { Clock } from "./options.ts";

/** The platform's clock. */
export const SYSTEM_CLOCK: Clock = {
  now: () => performance.now(),
  setTimeout: (callback, milliseconds) => setTimeout(callback, milliseconds),
  clearTimeout: (timer) => clearTimeout(timer as number),
};

/** Timers by name. All of them can be cancelled at once. */
export class Timers {
  readonly #clock: Clock;
  readonly #pending = new Map<string, unknown>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Runs `callback` after `milliseconds`. Replaces the pending timer of that name. */
  set(name: string, milliseconds: number, callback: () => void): void {
    this.clear(name);
    this.#pending.set(
      name,
      this.#clock.setTimeout(() => {
        this.#pending.delete(name);
        callback();
      }, milliseconds),
    );
  }

  /** Whether a timer of that name is pending. */
  has(name: string): boolean {
    return this.#pending.has(name);
  }

  /** Cancels the timer of that name, if it is pending. */
  clear(name: string): void {
    this.#clock.clearTimeout(this.#pending.get(name));
    this.#pending.delete(name);
  }

  /** Cancels every pending timer. */
  clearAll(): void {
    for (const name of [...this.#pending.keys()]) this.clear(name);
  }
}
