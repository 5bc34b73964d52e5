/**
 * Typed events.
 *
 * @module
 */
import type { PlatformAbortSignal } from "./platform.ts";

/** An object with typed events. `Events` maps each event's name to its value. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /**
   * Adds a listener. Returns a function that removes it. `signal` removes it too when it aborts.
   *
   * @example
   * ```ts ignore
   * const off = room.on("message", ({ content }) => console.log(content));
   * off();
   * ```
   */
  on<Name extends keyof Events>(
    name: Name,
    listener: (event: Events[Name]) => void,
    options: { signal?: PlatformAbortSignal } = {},
  ): () => void {
    const { signal } = options;
    if (signal?.aborted) return () => {};
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, listeners = new Set());
    // A new function each time, so that the same listener can be added twice.
    const entry = (event: Events[Name]) => listener(event);
    listeners.add(entry);
    const off = () => {
      listeners.delete(entry);
      signal?.removeEventListener("abort", off);
    };
    signal?.addEventListener("abort", off);
    return off;
  }

  /** Calls the listeners in order. An error in one is reported as uncaught and does not stop others. */
  protected emit<Name extends keyof Events>(name: Name, event: Events[Name]): void {
    for (const listener of [...this.#listeners.get(name) ?? []]) {
      try {
        (listener as (event: Events[Name]) => void)(event);
      } catch (error) {
        queueMicrotask(() => {
          throw error;
        });
      }
    }
  }
}
