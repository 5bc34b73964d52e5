/**
 * For tests: a clock that moves only when the test advances it.
 *
 * @module
 */
import type { Clock } from "./options.ts";

/** A clock that starts at 0 and stands still until {@link FakeClock.advance}. */
export class FakeClock implements Clock {
  /** The current time, milliseconds. */
  time = 0;
  #timers = new Map<number, { at: number; callback: () => void }>();
  #count = 0;

  now(): number {
    return this.time;
  }

  setTimeout(callback: () => void, milliseconds: number): unknown {
    this.#timers.set(++this.#count, { at: this.time + milliseconds, callback });
    return this.#count;
  }

  clearTimeout(timer: unknown): void {
    this.#timers.delete(timer as number);
  }

  /** The number of timers that have not run. */
  get pendingTimers(): number {
    return this.#timers.size;
  }

  /** Advances the time and runs the timers that are due, in order. Lets promises settle in between. */
  async advance(milliseconds: number): Promise<void> {
    const end = this.time + milliseconds;
    await settled();
    for (;;) {
      const due = [...this.#timers].filter(([, { at }]) => at <= end)
        .sort(([a, x], [b, y]) => x.at - y.at || a - b)[0];
      if (due === undefined) break;
      this.time = due[1].at;
      this.#timers.delete(due[0]);
      due[1].callback();
      await settled();
    }
    this.time = end;
  }
}

/** Lets promises settle: several turns of the microtask queue and one turn of the event loop. */
export async function settled(): Promise<void> {
  for (let i = 0; i < 10; i++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
}
