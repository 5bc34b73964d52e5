/**
 * Periodic work that never overlaps itself, and work that overlaps no other.
 *
 * @module
 */
import { errorText, type Logger } from "../kit/mod.ts";

/**
 * Runs `work` every `ms` milliseconds, unless the previous run is still in progress. Logs a failure
 * once until `work` succeeds again. `what` names the work in the log.
 *
 * @returns a function that stops; it resolves when the current run has ended
 */
export function repeat(
  ms: number,
  what: string,
  log: Logger,
  work: () => Promise<unknown>,
): () => Promise<void> {
  let running: Promise<void> | undefined;
  let failing = false;
  const once = async () => {
    try {
      await work();
      failing = false;
    } catch (error) {
      if (!failing) log.warn(`${what} failed`, { error: errorText(error) });
      failing = true;
    }
  };
  const timer = setInterval(() => {
    running ??= once().finally(() => running = undefined);
  }, ms);
  return async () => {
    clearInterval(timer);
    await running;
  };
}

/** Returns a function that runs what it gets one after the other, and returns what that returns. */
export function inTurn(): <T>(work: () => Promise<T>) => Promise<T> {
  let last: Promise<unknown> = Promise.resolve();
  return (work) => {
    const next = last.then(work);
    last = next.catch(() => {});
    return next;
  };
}
