/**
 * Frames that were read before their session was paused: unparsed, in order, until it goes on. One read
 * carries up to 64 KiB, so a few hundred small frames may follow the one that was too much.
 *
 * @module
 */

/** Characters that all inboxes of a gateway may hold. */
const MAX_TOTAL = 64 * 1024 * 1024;

/** What the inboxes of a gateway hold together. */
export interface InboxBudget {
  used: number;
  readonly max: number;
  /** What else waits in the gateway shares this. */
  readonly memory: { grew(bytes: number): void };
}

/** Makes the budget of one gateway, whose frames also count in `memory`. */
export function createInboxBudget(
  memory: { grew(bytes: number): void },
  max = MAX_TOTAL,
): InboxBudget {
  return { used: 0, max, memory };
}

/** See the module's doc. */
export class Inbox {
  readonly #budget: InboxBudget;
  #frames: string[] = [];
  /** When each of them was read. */
  #times: number[] = [];
  #first = 0;
  #size = 0;

  /** Takes its share of `budget` as frames come. */
  constructor(budget: InboxBudget) {
    this.#budget = budget;
  }

  /** Characters that wait. */
  get size(): number {
    return this.#size;
  }

  /** Whether nothing waits. */
  get empty(): boolean {
    return this.#first >= this.#frames.length;
  }

  /** When the oldest frame was read. */
  get readAt(): number {
    return this.#times[this.#first] ?? 0;
  }

  /**
   * Keeps a frame, which was read at a monotonic time. Returns false, and keeps nothing, where the budget is
   * used up.
   */
  push(text: string, readAt: number): boolean {
    if (this.#budget.used + text.length > this.#budget.max) return false;
    this.#budget.used += text.length;
    this.#size += text.length;
    this.#budget.memory.grew(text.length);
    this.#frames.push(text);
    this.#times.push(readAt);
    return true;
  }

  /** Takes the oldest frame. Only while there is one. */
  shift(): string {
    const text = this.#frames[this.#first++]!;
    this.#budget.used -= text.length;
    this.#size -= text.length;
    if (this.empty) {
      this.#frames = [];
      this.#times = [];
      this.#first = 0;
    }
    return text;
  }

  /** Drops everything. */
  clear(): void {
    while (!this.empty) this.shift();
  }
}
