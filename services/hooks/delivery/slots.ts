/**
 * A bounded number of slots; whoever finds none waits in order. No I/O.
 *
 * @module
 */

/** See the module's doc. As many wait as there are workers. */
export class Slots {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  /** All `count` slots are free. */
  constructor(count: number) {
    this.#free = count;
  }

  /** Takes a slot; resolves when there is one. */
  async take(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  /** Gives a slot back. */
  release(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}
