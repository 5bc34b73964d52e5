/**
 * One budget for everything that waits in a gateway's memory: what is queued for sockets, pages of
 * history on their way, frames that wait to be executed, and those that have arrived in part. When it is
 * exceeded, the connections of whoever owes most are closed.
 *
 * @module
 */

/** A connection, as the budget sees it. */
export interface Debtor {
  /** Whose connection it is: the user, or the address while nobody has authenticated. */
  readonly owner: string;
  /** Bytes that wait because of this connection. */
  readonly owed: number;
  /** Closes the connection as a slow consumer and frees its memory at once. */
  evict(): void;
}

/** A queue below this size is only counted when the budget settles, bytes. Readers that keep up stay below. */
export const COUNTED_BYTES = 16 * 1024;

/** Connections are closed until this share of the budget is in use: the next settling is not due at once. */
const SETTLE_TO = 0.9;

/**
 * See the module's doc. One per gateway. Queues report how much they grew, never that they shrank; once
 * they have grown by what was left, the budget asks every debtor. So the message path pays one
 * subtraction, and only for slow readers.
 */
export class MemoryBudget {
  /** The bytes that may wait. */
  readonly max: number;
  /** The connections of the gateway. */
  debtors: Iterable<Debtor> = [];
  /** Connections closed because more waited than may. */
  evictions = 0;
  #left: number;
  #scheduled = false;

  /** `max` is in bytes. */
  constructor(max: number) {
    this.max = max;
    this.#left = max;
  }

  /** The bytes that wait: those of the last count, and what has come since. */
  get waiting(): number {
    return this.max - this.#left;
  }

  /** Something that waits grew by `bytes`. Closes nothing before this turn of the event loop has ended. */
  grew(bytes: number): void {
    this.#left -= bytes;
    if (this.#left >= 0 || this.#scheduled) return;
    this.#scheduled = true;
    setImmediate(() => {
      this.#scheduled = false;
      this.settle();
    });
  }

  /** Counts what waits. Closes connections of the largest debtor first until it fits. Returns the bytes left. */
  settle(): number {
    let total = 0;
    for (const { owed } of this.debtors) total += owed;
    if (total > this.max) total = this.#evict(total);
    return this.#left = this.max - total;
  }

  #evict(total: number): number {
    const owners = new Map<string, number>();
    const debtors: { debtor: Debtor; owed: number }[] = [];
    for (const debtor of this.debtors) {
      const { owed, owner } = debtor;
      if (owed === 0) continue;
      debtors.push({ debtor, owed });
      owners.set(owner, (owners.get(owner) ?? 0) + owed);
    }
    debtors.sort((a, b) =>
      owners.get(b.debtor.owner)! - owners.get(a.debtor.owner)! || b.owed - a.owed
    );
    for (const { debtor, owed } of debtors) {
      if (total <= this.max * SETTLE_TO) break;
      debtor.evict();
      this.evictions++;
      total -= owed;
    }
    return total;
  }
}
