/**
 * Timers of many clients, cheap enough for tens of thousands.
 *
 * @module
 */

/** Functions to run later, in buckets of one millisecond. */
export class Timers {
  readonly #buckets = new Map<number, (() => void)[]>();
  #next = Math.floor(performance.now());

  /** Runs a function after this many milliseconds. */
  after(milliseconds: number, run: () => void): void {
    const bucket = Math.max(this.#next, Math.ceil(performance.now() + milliseconds));
    const waiting = this.#buckets.get(bucket);
    if (waiting === undefined) this.#buckets.set(bucket, [run]);
    else waiting.push(run);
  }

  /** Runs the functions that are due. */
  run(): void {
    const now = performance.now();
    for (; this.#next <= now; this.#next++) {
      const due = this.#buckets.get(this.#next);
      if (due === undefined) continue;
      this.#buckets.delete(this.#next);
      for (const run of due) run();
    }
  }
}
