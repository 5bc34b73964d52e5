/**
 * Bounds the rate of log lines that anybody can cause from outside.
 *
 * @module
 */

/** Shortest time between two lines, milliseconds. One a second shows a problem and fills no disk. */
const INTERVAL_MS = 1_000;

/** See the module's doc. No timer: lines suppressed last are counted in the next line, if any. */
export class LogThrottle {
  readonly #now: () => number;
  #loggedAt = -Infinity;
  #suppressed = 0;

  /** `now` is a monotonic clock in milliseconds; tests pass their own. */
  constructor(now: () => number = () => performance.now()) {
    this.#now = now;
  }

  /**
   * Calls `write` at most once a second, with the number of calls suppressed since the last time.
   */
  run(write: (suppressed: number) => void): void {
    const now = this.#now();
    if (now - this.#loggedAt < INTERVAL_MS) {
      this.#suppressed++;
      return;
    }
    const suppressed = this.#suppressed;
    this.#loggedAt = now;
    this.#suppressed = 0;
    write(suppressed);
  }
}
