/**
 * The recent messages of a room, kept so that members who come back need no read. Bounded in number
 * and bytes for each room, and in bytes over all rooms of the gateway.
 *
 * @module
 */
import type { Frame } from "../wire/frame.ts";

/** Messages and bytes kept a room. */
const MAX_MESSAGES = 512;
const MAX_BYTES = 512 * 1024;

/** Bytes kept over all rooms. Above it each room that gets a message keeps fewer. */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** A delivered message. */
export interface Delivered {
  seq: number;
  frame: Frame;
}

/** The bytes of many windows together. */
export interface WindowBudget {
  used: number;
  readonly max: number;
}

/** Makes the budget of one gateway. */
export function createWindowBudget(max = MAX_TOTAL_BYTES): WindowBudget {
  return { used: 0, max };
}

/** See the module's doc. */
export class Window {
  readonly #budget: WindowBudget;
  #entries: Delivered[] = [];
  #first = 0;
  #bytes = 0;
  #floor = 0;

  constructor(budget: WindowBudget) {
    this.#budget = budget;
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
    this.#count(entry.frame.wire.length);
    while (this.size > MAX_MESSAGES || (this.size > 1 && this.#overBytes())) {
      const oldest = this.#entries[this.#first++]!;
      this.#count(-oldest.frame.wire.length);
      this.#floor = oldest.seq;
    }
    // Moved down only when as many are gone as are left, so that a push costs the same on average and
    // what is gone is soon free.
    if (this.#first > this.size) this.#compact();
  }

  /**
   * Adds what came before the floor: all messages after `floor` up to the present one, oldest first,
   * as many of the newest as there is room for.
   */
  prepend(entries: readonly Delivered[], floor: number): void {
    let from = entries.length;
    let bytes = 0;
    while (from > 0) {
      const length = entries[from - 1]!.frame.wire.length;
      const full = this.size + entries.length - from >= MAX_MESSAGES ||
        this.#bytes + bytes + length > MAX_BYTES ||
        this.#budget.used + bytes + length > this.#budget.max;
      if (full) break;
      bytes += length;
      from--;
    }
    this.#compact();
    this.#entries = [...entries.slice(from), ...this.#entries];
    this.#count(bytes);
    this.#floor = from === 0 ? floor : entries[from - 1]!.seq;
  }

  /** The messages after `seq`, oldest first; null where the window does not reach back so far. */
  after(seq: number): Delivered[] | null {
    if (seq < this.#floor) return null;
    let start = this.#entries.length;
    while (start > this.#first && this.#entries[start - 1]!.seq > seq) start--;
    return this.#entries.slice(start);
  }

  /** Forgets everything up to `floor`. */
  reset(floor: number): void {
    this.#count(-this.#bytes);
    this.#entries = [];
    this.#first = 0;
    this.#floor = floor;
  }

  #count(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.used += bytes;
  }

  #overBytes(): boolean {
    return this.#bytes > MAX_BYTES || this.#budget.used > this.#budget.max;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
