/**
 * Calls of a service in a component.
 *
 * @module
 */
// @ts-types="@types/react"
import { useCallback, useEffect, useRef, useState } from "react";
import type { CallOptions } from "../mod.ts";
import { useHopwire } from "./context.ts";

/** What {@link useCall} returns. */
export interface CallState<Data, Result> {
  /**
   * Calls the service. Resolves with its answer; with undefined if the call failed, see `error`, or if
   * a later call or the end of the component took its place. It never rejects.
   */
  call(data?: Data): Promise<Result | undefined>;
  /** The answer to the last call that succeeded; undefined before. */
  result: Result | undefined;
  /** Why the last call failed: a `HopwireError`, in most cases. Undefined if it did not. */
  error: unknown;
  /** Whether a call is in progress. */
  isPending: boolean;
}

/**
 * Returns a function that calls a service, and the state of its last call. A new call ends the one
 * before it, and the end of the component ends the last one.
 *
 * @example
 * ```ts ignore
 * const { call, result, isPending } = useCall("dice.roll", { schema });
 * // <button disabled={isPending} onClick={() => call({ sides: 6 })}>
 * ```
 */
export function useCall<Data = unknown, Result = unknown>(
  method: string,
  options: Omit<CallOptions<Result>, "signal"> = {},
): CallState<Data, Result> {
  const client = useHopwire();
  const latestOptions = useRef(options);
  const abort = useRef<AbortController | null>(null);
  const [state, setState] = useState<Omit<CallState<Data, Result>, "call">>({
    result: undefined,
    error: undefined,
    isPending: false,
  });
  useEffect(() => {
    latestOptions.current = options;
  });
  useEffect(() => () => abort.current?.abort(), [client, method]);
  const call = useCallback(async (data?: Data): Promise<Result | undefined> => {
    abort.current?.abort();
    const { signal } = abort.current = new AbortController();
    setState((before) => ({ ...before, error: undefined, isPending: true }));
    try {
      if (client === null) throw new TypeError("the HopwireProvider has no client");
      const result = await client.call<Data, Result>(method, data, {
        ...latestOptions.current,
        signal,
      });
      if (signal.aborted) return undefined;
      setState({ result, error: undefined, isPending: false });
      return result;
    } catch (error) {
      if (!signal.aborted) setState((before) => ({ ...before, error, isPending: false }));
      return undefined;
    }
  }, [client, method]);
  return { call, ...state };
}
