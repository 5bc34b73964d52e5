/**
 * The messages that this gateway received last. They are the proof of what the log had: if it has
 * another message at one of these seqs, or none, it has lost them.
 *
 * @module
 */

/** How many messages are kept. Any of them may have been deleted from the log on purpose. */
const KEPT = 16;

/** A message as the log stored it. */
export interface Anchor {
  seq: number;
  payload: Uint8Array;
}

/** See the module's doc. */
export class Anchors {
  readonly #kept: Anchor[] = [];
  #next = 0;
  #highest = 0;

  /** The highest seq received. */
  get highest(): number {
    return this.#highest;
  }

  /** Notes a message that the server republished. */
  note(seq: number, payload: Uint8Array): void {
    if (seq <= this.#highest) return;
    this.#highest = seq;
    const slot = this.#kept[this.#next];
    if (slot === undefined) this.#kept.push({ seq, payload });
    else {
      slot.seq = seq;
      slot.payload = payload;
    }
    this.#next = (this.#next + 1) % KEPT;
  }

  /** The kept messages, the newest first. */
  newestFirst(): Anchor[] {
    return this.#kept.filter(({ seq }) => seq > 0).sort((a, b) => b.seq - a.seq);
  }

  /** Drops the content of an erased message. */
  forget(seq: number): void {
    const at = this.#kept.findIndex((anchor) => anchor.seq === seq);
    if (at >= 0) this.#kept[at] = { seq: 0, payload: new Uint8Array() };
  }

  /** Forgets everything: another log begins. */
  clear(): void {
    this.#kept.length = 0;
    this.#next = 0;
    this.#highest = 0;
  }
}
