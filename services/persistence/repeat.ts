/**
 * Work that is done again and again, never twice at a time.
 *
 * @module
 */
import { errorText, type Logger } from "../kit/mod.ts";

/**
 * Does `work` every `ms` milliseconds. A failure is logged once until it works again.
 *
 * @returns how to stop: resolves when work that was under way has ended
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
