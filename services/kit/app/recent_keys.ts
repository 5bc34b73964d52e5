/**
 * Remembers the keys that were seen last. No I/O.
 *
 * @module
 */

/** How many are remembered: more than a server can have delivered without an ack. */
const CAPACITY = 10_000;

/** See the module's doc. */
export class RecentKeys {
  readonly #seen = new Set<string>();

  /** Whether a key is remembered. */
  has(key: string): boolean {
    return this.#seen.has(key);
  }

  /** Remembers a key, and forgets the oldest one if there are too many. */
  add(key: string): void {
    this.#seen.add(key);
    if (this.#seen.size > CAPACITY) this.#seen.delete(this.#seen.values().next().value!);
  }
}
