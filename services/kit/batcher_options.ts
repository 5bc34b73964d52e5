/**
 * How a batcher works.
 *
 * @module
 */
import type { FaultError } from "./fault_error.ts";

/** The options of a `Batcher`. */
export interface BatcherOptions<Item, Result> {
  /** Requests in one batch at most. */
  maxBatch: number;
  /** Bytes in one batch at most, by `sizeOf`; one item always fits. */
  maxBytes?: number;
  /** The bytes that an item takes in a batch. */
  sizeOf?: (item: Item) => number;
  /** Requests that may wait. One more is refused. */
  maxQueue: number;
  /** How long a request may take in all, milliseconds; `deadlineOf` may say less for some. */
  deadlineMs: number;
  /** The deadline of one item, milliseconds. */
  deadlineOf?: (item: Item) => number;
  /** Batches under way: at first and at most. */
  window?: { first: number; max: number };
  /** Whether an attempt that failed as `unavailable` is repeated; true unless told otherwise. */
  retry?: boolean;
  /**
   * Sends one batch and returns a result or a refusal for each item, in order. A FaultError
   * `unavailable` that it throws is retried.
   */
  send(items: Item[], timeoutMs: number): Promise<(Result | FaultError)[]>;
  /** Random numbers in [0, 1), for tests. */
  random?: () => number;
}
