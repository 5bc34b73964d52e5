/**
 * Places for pages of history on their way to clients. A page has up to 640 KiB, so its memory is reserved
 * before it is requested: a share for each user and a total for all. Who finds no place waits, users in
 * turn, up to a deadline.
 *
 * @module
 */
import { MAX_PAGE_BYTES } from "../../../contract/mod.ts";
import { FaultError } from "../../../kit/mod.ts";

/**
 * Pages that one user may have on their way at a time, over all connections. Each keeps the gateway's thread
 * busy for 5 ms, and those that arrive together delay everybody by their sum.
 */
const PAGES_PER_USER = 2;

/** Requests that may wait for a place. Each has at most a session's request and a timer. */
const MAX_WAITING = 4_096;

/** How long a request waits for a place, and a page for its reader, milliseconds. */
export const PAGE_WAIT_MS = 4_000;

/** A place for one page. */
export interface PagePlace {
  /** The page has this many bytes: what was reserved beyond that is free for others. */
  arrived(bytes: number): void;
  /** The page is queued for its client and counts as part of that queue from now on. */
  sent(): void;
  /** The client has read the page, or gets none. Calling it twice does no harm. */
  leave(): void;
}

/** A request that waits. */
interface Waiter {
  bytes: number;
  admit(place: PagePlace): void;
}

/** See the module's doc. One per gateway. */
export class Pages {
  readonly #total: number;
  readonly #waitMs: number;
  #reserved = 0;
  #waiting = 0;
  /** Pages of each user that are on their way. */
  readonly #taken = new Map<string, number>();
  /** Requests of each user that wait, oldest first. */
  readonly #queues = new Map<string, Set<Waiter>>();
  /** Users with a request that waits and a share that is free, in turn. */
  readonly #ready = new Set<string>();

  /**
   * `total` is what all pages on their way may take, in bytes. Without a total nobody is refused: requests
   * wait until the user's earlier ones have ended, for callers that are bounded themselves.
   */
  constructor(total = Infinity, waitMs = PAGE_WAIT_MS) {
    this.#total = total;
    this.#waitMs = waitMs;
  }

  /** Bytes reserved, and requests that wait. */
  get size(): { reserved: number; waiting: number } {
    return { reserved: this.#reserved, waiting: this.#waiting };
  }

  /**
   * Waits for a place of `bytes`, in order.
   *
   * @throws {FaultError} `rate_limited` if the user's own pages took all of the user's share until the
   * deadline; `unavailable` if all pages together took the total
   */
  async enter(user: string, bytes = MAX_PAGE_BYTES): Promise<PagePlace> {
    // Whoever waits already goes first.
    if (this.#waiting === 0 && this.#shareIsFree(user) && this.#fits(bytes)) {
      return this.#take(user, bytes);
    }
    const refuses = this.#total !== Infinity;
    if (refuses && this.#waiting >= MAX_WAITING) {
      throw new FaultError("unavailable", "too many history pages", 1_000);
    }
    const { promise, resolve } = Promise.withResolvers<PagePlace | null>();
    const waiter: Waiter = { bytes, admit: resolve };
    const queue = this.#queues.get(user) ?? new Set();
    this.#queues.set(user, queue.add(waiter));
    this.#waiting++;
    if (this.#shareIsFree(user)) this.#ready.add(user);
    this.#admit();
    const timer = refuses
      ? setTimeout(() => {
        if (!queue.has(waiter)) return;
        this.#forget(user, waiter);
        resolve(null);
      }, this.#waitMs)
      : undefined;
    const place = await promise;
    clearTimeout(timer);
    if (place !== null) return place;
    throw this.#shareIsFree(user)
      ? new FaultError("unavailable", "too many history pages", 1_000)
      : new FaultError("rate_limited", "your earlier pages have not been read", 1_000);
  }

  #shareIsFree(user: string): boolean {
    return (this.#taken.get(user) ?? 0) < PAGES_PER_USER;
  }

  #fits(bytes: number): boolean {
    return this.#reserved === 0 || this.#reserved + bytes <= this.#total;
  }

  #forget(user: string, waiter: Waiter): void {
    const queue = this.#queues.get(user)!;
    queue.delete(waiter);
    this.#waiting--;
    if (queue.size > 0) return;
    this.#queues.delete(user);
    this.#ready.delete(user);
  }

  #take(user: string, reserve: number): PagePlace {
    let bytes = reserve;
    let left = false;
    this.#taken.set(user, (this.#taken.get(user) ?? 0) + 1);
    this.#reserved += bytes;
    const shrink = (to: number) => {
      if (to >= bytes) return;
      this.#reserved -= bytes - to;
      bytes = to;
      this.#admit();
    };
    return {
      arrived: shrink,
      sent: () => shrink(0),
      leave: () => {
        if (left) return;
        left = true;
        const taken = this.#taken.get(user)! - 1;
        if (taken === 0) this.#taken.delete(user);
        else this.#taken.set(user, taken);
        if (this.#queues.has(user)) this.#ready.add(user);
        this.#reserved -= bytes;
        bytes = 0;
        this.#admit();
      },
    };
  }

  /** Admits the requests that fit, one of each user in turn. */
  #admit(): void {
    for (const user of this.#ready) {
      const [waiter] = this.#queues.get(user)!;
      if (!this.#fits(waiter!.bytes)) return;
      // Behind the others, if it has more.
      this.#ready.delete(user);
      this.#forget(user, waiter!);
      waiter!.admit(this.#take(user, waiter!.bytes));
      if (this.#queues.has(user) && this.#shareIsFree(user)) this.#ready.add(user);
    }
  }
}
