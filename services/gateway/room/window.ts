/**
 * The recent messages of one room. Members that reconnect recover from it without a read of the
 * archive. It is bounded in messages and bytes per room, and in bytes over all rooms of the gateway.
 *
 * @module
 */
import type { Frame } from "../wire/frame.ts";

/**
 * Messages and bytes that a room keeps. Enough for a reconnect after seconds in a busy room; a member
 * that missed more reads the archive.
 */
const MAX_MESSAGES = 512;
const MAX_BYTES = 512 * 1024;

/**
 * Bytes that all rooms keep together. Full windows in all of 50,000 rooms would take about 25 GB. Above this
 * limit each room that gets a message evicts old ones until it fits, or keeps only the newest.
 */
const MAX_TOTAL_BYTES = 64 * 1024 * 1024;

/** A message that the room has delivered. */
export interface Delivered {
  /** Its sequence number in the stream. */
  seq: number;
  /** Its `room-message` frame. */
  frame: Frame;
}

/** The memory that the windows of one gateway share, in bytes. */
export interface WindowBudget {
  used: number;
  readonly max: number;
}

/** Creates the budget of one gateway. `max` is in bytes. */
export function createWindowBudget(max = MAX_TOTAL_BYTES): WindowBudget {
  return { used: 0, max };
}

/** See the module's doc. One per room. */
export class Window {
  readonly #budget: WindowBudget;
  /** Evicted entries stay in front of `#first` until the next compaction. */
  #entries: Delivered[] = [];
  #first = 0;
  #bytes = 0;
  #floor = 0;

  constructor(budget: WindowBudget) {
    this.#budget = budget;
  }

  /** The window holds every message after this seq. 0 is before the first message of the log. */
  get floor(): number {
    return this.#floor;
  }

  /** How many messages the window holds. */
  get size(): number {
    return this.#entries.length - this.#first;
  }

  /** Adds the next message and evicts the oldest ones above the limits. Always keeps the newest. */
  push(entry: Delivered): void {
    this.#entries.push(entry);
    this.#addBytes(entry.frame.wire.length);
    while (this.size > MAX_MESSAGES || (this.size > 1 && this.#exceedsBytes())) {
      const oldest = this.#entries[this.#first++]!;
      this.#addBytes(-oldest.frame.wire.length);
      this.#floor = oldest.seq;
    }
    // Compacts only once more entries are evicted than kept. So a push has constant cost on average, and
    // evicted frames are freed soon.
    if (this.#first > this.size) this.#compact();
  }

  /**
   * Adds older messages, read from the archive: all those after `floor` and up to the window's own
   * floor, oldest first. Keeps as many of the newest as fit the limits.
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
    this.#addBytes(bytes);
    this.#floor = from === 0 ? floor : entries[from - 1]!.seq;
  }

  /** Returns the messages after `seq`, oldest first; null if the window does not reach back that far. */
  after(seq: number): Delivered[] | null {
    if (seq < this.#floor) return null;
    let start = this.#entries.length;
    while (start > this.#first && this.#entries[start - 1]!.seq > seq) start--;
    return this.#entries.slice(start);
  }

  /** Replaces the frame of a message. Returns whether the window has that message. */
  replace(seq: number, build: (frame: Frame) => Frame): boolean {
    for (let i = this.#first; i < this.#entries.length; i++) {
      const entry = this.#entries[i]!;
      if (entry.seq !== seq) continue;
      const frame = build(entry.frame);
      this.#addBytes(frame.wire.length - entry.frame.wire.length);
      this.#entries[i] = { seq, frame };
      return true;
    }
    return false;
  }

  /** Discards all messages. `floor` is the seq of the last message before the next one pushed. */
  reset(floor: number): void {
    this.#addBytes(-this.#bytes);
    this.#entries = [];
    this.#first = 0;
    this.#floor = floor;
  }

  #addBytes(bytes: number): void {
    this.#bytes += bytes;
    this.#budget.used += bytes;
  }

  #exceedsBytes(): boolean {
    return this.#bytes > MAX_BYTES || this.#budget.used > this.#budget.max;
  }

  #compact(): void {
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }
}
