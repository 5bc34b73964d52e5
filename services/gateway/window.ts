/**
 * The recent messages of a room, kept so that a member who comes back needs no read. Bounded in
 * number and bytes.
 *
 * @module
 */
import type { Frame } from "./frame.ts";

/** Messages and bytes kept a room. */
const MAX_MESSAGES = 256;
const MAX_BYTES = 256 * 1024;

/** A delivered message. */
export interface Delivered {
  seq: number;
  frame: Frame;
}

/** See the module's doc. */
export class Window {
  #entries: Delivered[] = [];
  #first = 0;
  #bytes = 0;
  #floor: number;

  /** `floor` is the seq after which everything is in the window. */
  constructor(floor: number) {
    this.#floor = floor;
  }

  /** Everything after this seq is here. */
  get floor(): number {
    return this.#floor;
  }

  /** How many messages are here. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds the next message. */
  push(entry: Delivered): void {
    this.#entries.push(entry);
    this.#bytes += entry.frame.wire.length;
    while (this.size > MAX_MESSAGES || (this.#bytes > MAX_BYTES && this.size > 1)) {
      const oldest = this.#entries[this.#first++]!;
      this.#bytes -= oldest.frame.wire.length;
      this.#floor = oldest.seq;
    }
    // Moved down only now and then, so that a push costs the same however full the window is.
    if (this.#first > MAX_MESSAGES) {
      this.#entries = this.#entries.slice(this.#first);
      this.#first = 0;
    }
  }

  /** The messages after `seq`, oldest first; null where the window does not reach back so far. */
  since(seq: number): Delivered[] | null {
    if (seq < this.#floor) return null;
    let start = this.#entries.length;
    while (start > this.#first && this.#entries[start - 1]!.seq > seq) start--;
    return this.#entries.slice(start);
  }

  /** Forgets everything up to `floor`: what was missed before it is not here. */
  reset(floor: number): void {
    this.#entries = [];
    this.#first = 0;
    this.#bytes = 0;
    this.#floor = floor;
  }
}
