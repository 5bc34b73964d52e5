/**
 * Events with types, whose listeners can be taken off by a function or a signal.
 *
 * @module
 */

/** See the module's doc. */
export class Emitter<Events> {
  readonly #listeners = new Map<keyof Events, Set<(event: never) => void>>();

  /** Listens; gives back what ends it. */
  on<Name extends keyof Events>(
    name: Name,
    listener: (event: Events[Name]) => void,
    options: { signal?: AbortSignal } = {},
  ): () => void {
    const { signal } = options;
    if (signal?.aborted) return () => {};
    let listeners = this.#listeners.get(name);
    if (listeners === undefined) this.#listeners.set(name, listeners = new Set());
    // One of its own, so that the same function may be there twice.
    const own = (event: Events[Name]) => listener(event);
    listeners.add(own);
    const off = () => {
      listeners.delete(own);
      signal?.removeEventListener("abort", off);
    };
    signal?.addEventListener("abort", off);
    return off;
  }

  /** Tells the listeners. One that throws keeps nothing from the others. */
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
