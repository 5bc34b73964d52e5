/**
 * For tests: how many listeners a signal has.
 *
 * @module
 */

/** Counts from now on. */
export function countListeners(signal: AbortSignal): () => number {
  let listening = 0;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listening++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listening--;
    remove(...args);
  };
  return () => listening;
}
