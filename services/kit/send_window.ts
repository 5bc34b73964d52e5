/**
 * How many batches may be under way to a service: as many as it answers promptly. The number grows by
 * one with each window of prompt answers. A window with a slow answer, and each timeout, halves it.
 *
 * @module
 */

/** Batches under way, unless told otherwise: at first and at most; at least it is one. */
const FIRST = 4;
const MAX = 8;
const MIN = 1;

/** See the module's doc. */
export class SendWindow {
  readonly #max: number;
  readonly #promptMs: number;
  #size: number;
  #answers = 0;
  #slowest = 0;

  /** `promptMs`: a slower answer shows that too many are under way; none does if it is infinite. */
  constructor(promptMs: number, { first, max } = { first: FIRST, max: MAX }) {
    this.#promptMs = promptMs;
    this.#size = first;
    this.#max = max;
  }

  /** How many may be under way; not always a whole number. */
  get size(): number {
    return this.#size;
  }

  /** A batch was answered after so many milliseconds. */
  answered(took: number): void {
    this.#slowest = Math.max(this.#slowest, took);
    if (++this.#answers < this.#size) return;
    const slow = this.#slowest > this.#promptMs;
    this.#answers = 0;
    this.#slowest = 0;
    if (slow) this.failed();
    else this.#size = Math.min(this.#max, Math.floor(this.#size) + 1);
  }

  /** A batch was not answered. */
  failed(): void {
    this.#size = Math.max(MIN, this.#size / 2);
  }
}
