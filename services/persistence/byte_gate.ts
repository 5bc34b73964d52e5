/**
 * Holds replies back while too many bytes of them are on their way.
 *
 * @module
 */

/** See the module's doc. */
export class ByteGate {
  readonly #max: number;
  readonly #waiting: { bytes: number; enter: () => void }[] = [];
  #bytes = 0;

  /** `max`: bytes inside at a time; one that is larger by itself enters when nothing else is inside. */
  constructor(max: number) {
    this.#max = max;
  }

  /** Bytes inside now. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Waits for room, first come, first served. Each must {@link ByteGate.leave} again. */
  async enter(bytes: number): Promise<void> {
    if (this.#waiting.length === 0 && this.#fits(bytes)) {
      this.#bytes += bytes;
      return;
    }
    await new Promise<void>((enter) => this.#waiting.push({ bytes, enter }));
  }

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
