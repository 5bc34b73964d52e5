/**
 * Types of the platform that the public types name. A compiler may know browsers, Node or neither, so
 * each of them stands in for a global type where there is none.
 *
 * @module
 */

/** `AbortSignal`. */
export type PlatformAbortSignal = typeof globalThis extends
  { AbortSignal: { prototype: infer Signal } } ? Signal : {
  /** Whether it has aborted. */
  readonly aborted: boolean;
  /** The reason, once it has aborted. */
  readonly reason: unknown;
  /** Adds a listener. */
  addEventListener(type: "abort", listener: () => void): void;
  /** Removes a listener. */
  removeEventListener(type: "abort", listener: () => void): void;
};

/** The type of the global `fetch`. */
export type PlatformFetch = typeof globalThis extends { fetch: infer Fetch } ? Fetch
  : (url: string, options?: object) => Promise<unknown>;
