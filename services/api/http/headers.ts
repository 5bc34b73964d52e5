/**
 * The names of headers.
 *
 * @module
 */

/** The trace context, in and out. */
export const TRACEPARENT_HEADER = "traceparent";
/** A request with the same value is done once. */
export const IDEMPOTENCY_HEADER = "idempotency-key";
/** The answer is that of an earlier request with the same key. */
export const REPLAYED_HEADER = "idempotency-replayed";
