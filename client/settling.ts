/**
 * A promise that is settled from outside, and given up by a signal.
 *
 * @module
 */

/** How it is settled. The signal is let go of then. */
export interface Settling<T> {
  resolve(value: T): void;
  reject(error: unknown): void;
}

/** Makes one: `begin` gets how to settle it, `aborted` is called when the signal gives it up. */
export function settling<T>(
  signal: AbortSignal | undefined,
  aborted: () => void,
  begin: (settle: Settling<T>) => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted) return reject(signal.reason);
    signal?.addEventListener("abort", aborted);
    const done = <V>(settle: (value: V) => void) => (value: V) => {
      signal?.removeEventListener("abort", aborted);
      settle(value);
    };
    begin({ resolve: done(resolve), reject: done(reject) });
  });
}
