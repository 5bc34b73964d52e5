/**
 * Runs the handlers of a service, so that none of them harms the others: each has a deadline, and those
 * that do not return are counted and bounded. Whatever a handler sends belongs to the trace of what it
 * handles.
 *
 * @module
 */
import { AsyncLocalStorage } from "node:async_hooks";
import { withDeadline } from "../deadline.ts";
import { FaultError } from "../fault_error.ts";
import { type Context, ROOT_CONTEXT } from "../hop.ts";

/** How long a handler may take by default, milliseconds. */
export const HANDLER_MS = 20_000;

/** Handlers that were given up but have not returned. With more, the service counts as not ready. */
const MAX_STUCK = 100;

const contexts = new AsyncLocalStorage<Context>();

/** The trace context of what this code handles; the root context outside of handlers. */
export function currentContext(): Context {
  return contexts.getStore() ?? ROOT_CONTEXT;
}

/** Counts the handlers of one service that are past their deadline. */
export class Handlers {
  #stuck = 0;

  /** Whether few enough handlers are stuck to run more of them. */
  get sound(): boolean {
    return this.#stuck < MAX_STUCK;
  }

  /**
   * Runs one handler. Its signal is aborted at the deadline.
   *
   * @throws what the handler throws; {FaultError} `timeout` if it is late, `unavailable` if too many
   * others are stuck
   */
  async run<T>(
    context: Context,
    ms: number,
    handle: (signal: AbortSignal) => T | Promise<T>,
  ): Promise<T> {
    if (!this.sound) throw new FaultError("unavailable", "too many handlers do not return", 1_000);
    const abort = new AbortController();
    let late = false;
    const running = contexts.run(context, async () => await handle(abort.signal));
    void running.then(() => {}, () => {}).then(() => {
      if (late) this.#stuck--;
    });
    return await withDeadline(running, ms, () => {
      late = true;
      this.#stuck++;
      const error = new FaultError("timeout", `the handler took more than ${ms} ms`);
      abort.abort(error);
      return error;
    });
  }
}
