/**
 * Back-pressure for replies: bounds the bytes in flight.
 *
 * @module
 */

/** A semaphore that counts bytes. Admits callers in order. */
export class ByteGate {
  readonly #max: number;
  readonly #waiting: { bytes: number; enter: () => void }[] = [];
  #bytes = 0;

  /**
   * `max` is the most bytes in flight at a time. A single larger amount is admitted when nothing
   * else is in flight.
   */
  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes in flight. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Waits for capacity, first come, first served. The caller must {@link ByteGate.leave} with the
   * same number of bytes.
   */
  async enter(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return;
    }
    await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
  }

  /** Returns the capacity and admits the next callers. */
  leave(bytes: number): void {
    this.#bytes -= bytes;
    while (this.#waiting.length > 0 && this.#fits(this.#waiting[0]!.bytes)) {
      const next = this.#waiting.shift()!;
      this.#bytes += next.bytes;
      next.enter();
    }
  }

  #fits(bytes: number): boolean {
    return this.#bytes === 0 || this.#bytes + bytes <= this.#max;
  }
}
