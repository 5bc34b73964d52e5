/**
 * A promise that is settled from outside, or rejected when a signal aborts.
 *
 * @module
 */

/** The functions that settle a promise. */
export interface Resolvers<T> {
  /** Fulfills the promise. */
  resolve(value: T): void;
  /** Rejects the promise. */
  reject(error: unknown): void;
}

/**
 * Returns a promise that listens to `signal` until it is settled, and removes its listener then. A
 * signal that has aborted already rejects the promise with the signal's reason.
 *
 * @param signal the caller's signal, if any
 * @param onAbort called when the signal aborts; it must reject the promise
 * @param start receives the functions that settle the promise
 */
export function abortable<T>(
  signal: AbortSignal | undefined,
  onAbort: () => void,
  start: (resolvers: Resolvers<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", onAbort);
    const unlistenAnd = <V>(settle: (value: V) => void) => (value: V) => {
      signal?.removeEventListener("abort", onAbort);
      settle(value);
    };
    start({ resolve: unlistenAnd(resolve), reject: unlistenAnd(reject) });
  });
}
