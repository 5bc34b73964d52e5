/**
 * Counts the refused frames of one client. No I/O.
 *
 * @module
 */

/** Refused frames within {@link WINDOW_MS} after which a client is closed with 4005. */
const MAX_VIOLATIONS = 100;
const WINDOW_MS = 60_000;

/** See the module's doc. */
export class Violations {
  #count = 0;
  #since: number;

  /** `now` is a monotonic time in milliseconds. */
  constructor(now: number) {
    this.#since = now;
  }

  /** Counts one more. Returns whether there are too many within the window. */
  add(now: number): boolean {
    if (now - this.#since > WINDOW_MS) {
      this.#since = now;
      this.#count = 0;
    }
    return ++this.#count >= MAX_VIOLATIONS;
  }
}
