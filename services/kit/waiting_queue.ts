/**
 * Requests that wait in order, each with a deadline. No I/O and no clock of its own.
 *
 * @module
 */
import type { FaultError } from "./fault_error.ts";

/** A request that waits. */
export interface Waiting<Item, Result> {
  /** What is requested. */
  item: Item;
  /** When it must be answered, by `performance.now()`. */
  deadline: number;
  /** Whether the caller still waits. */
  wanted: () => boolean;
  /** Answers the caller. */
  resolve(result: Result): void;
  /** Refuses the caller. */
  reject(error: FaultError): void;
}

/** How {@link WaitingQueue.take} takes a batch. */
export interface TakeOptions<Item, Result> {
  /** The most requests, and the most bytes by `sizeOf`. One request always fits. */
  maxBatch: number;
  /** See `maxBatch`. */
  maxBytes: number;
  /** The bytes that an item takes. */
  sizeOf: (item: Item) => number;
  /** Requests that are due by then are refused: an answer would come too late. */
  latest: number;
  /** Refuses a request that is due too soon or that nobody wants any more. */
  refuse: (one: Waiting<Item, Result>) => void;
}

/** Taken requests are removed from the array in steps of so many. */
const COMPACT_AFTER = 1_024;

/** See the module's doc. Its bound is its user's. */
export class WaitingQueue<Item, Result> {
  #requests: Waiting<Item, Result>[] = [];
  /** The index of the first request that still waits. */
  #first = 0;

  /** How many requests wait. */
  get size(): number {
    return this.#requests.length - this.#first;
  }

  /** The deadline of the first request. Only while one waits. */
  get firstDeadline(): number {
    return this.#requests[this.#first]!.deadline;
  }

  /** Appends a request. */
  push(request: Waiting<Item, Result>): void {
    this.#requests.push(request);
  }

  /** Takes the next batch, in order. It is empty if nobody wants what waits. */
  take(options: TakeOptions<Item, Result>): Waiting<Item, Result>[] {
    const { maxBatch, maxBytes, sizeOf, latest, refuse } = options;
    const batch: Waiting<Item, Result>[] = [];
    let bytes = 0;
    while (this.size > 0 && batch.length < maxBatch) {
      const next = this.#requests[this.#first]!;
      const size = sizeOf(next.item);
      if (batch.length > 0 && bytes + size > maxBytes) break;
      this.#first++;
      if (next.deadline <= latest || !next.wanted()) {
        refuse(next);
        continue;
      }
      bytes += size;
      batch.push(next);
    }
    this.#compact();
    return batch;
  }

  /** Takes the requests whose deadline has passed: `anywhere`, or only at the front. */
  takeLate(now: number, anywhere: boolean): Waiting<Item, Result>[] {
    if (anywhere) {
      const all = this.clear();
      this.#requests = all.filter(({ deadline }) => deadline > now);
      return all.filter(({ deadline }) => deadline <= now);
    }
    const from = this.#first;
    while (this.size > 0 && this.firstDeadline <= now) this.#first++;
    const late = this.#requests.slice(from, this.#first);
    this.#compact();
    return late;
  }

  /** Takes everything. */
  clear(): Waiting<Item, Result>[] {
    const all = this.#requests.slice(this.#first);
    this.#requests = [];
    this.#first = 0;
    return all;
  }

  #compact(): void {
    if (this.#first < COMPACT_AFTER && this.#first < this.#requests.length) return;
    this.#requests = this.#requests.slice(this.#first);
    this.#first = 0;
  }
}
