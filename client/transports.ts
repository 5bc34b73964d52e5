/**
 * Which transport is tried next, and which one is remembered.
 *
 * @module
 */
import type { HopwireOptions, TransportName } from "./types.ts";

/** Failed attempts in a row after which the next transport is tried: WebSocket has a second chance. */
const TRIES: Record<TransportName, number> = { websocket: 2, sse: 1, poll: 1 };

/** How long a transport is remembered that was needed because a better one did not work, milliseconds. */
const REMEMBER_MS = 3_600_000;

const KEY = "hopwire.transport";

/** See the module's doc. */
export class Transports {
  readonly #names: TransportName[];
  readonly #storage: HopwireOptions["storage"];
  #index = 0;
  #failures = 0;
  /** Until when a worse transport is taken without asking for a better one; milliseconds since 1970. */
  #until = 0;

  constructor(names: TransportName[], storage: HopwireOptions["storage"]) {
    this.#names = names;
    this.#storage = storage;
    // A storage may throw, where a browser is told to keep nothing.
    try {
      const [name, until] = storage?.getItem(KEY)?.split(" ") ?? [];
      const index = names.indexOf(name as TransportName);
      if (index > 0 && Number(until) > Date.now()) {
        [this.#index, this.#until] = [index, Number(until)];
      }
    } catch {
      // Nothing is remembered.
    }
  }

  get current(): TransportName {
    return this.#names[this.#index]!;
  }

  /** Whether it may be that a better one works: it failed, and that is not known from before. */
  get doubtful(): boolean {
    return this.#index > 0 && this.#names[0] === "websocket" && Date.now() > this.#until;
  }

  /** An attempt has failed. */
  failed(): void {
    if (++this.#failures < TRIES[this.current]) return;
    this.#failures = 0;
    // After the last one, the best again: it may be the server that is away.
    this.#index = (this.#index + 1) % this.#names.length;
  }

  /** An attempt has worked. */
  worked(): void {
    this.#failures = 0;
  }

  /** The best one works after all. */
  recovered(): void {
    this.#index = this.#failures = this.#until = 0;
    this.#store("");
  }

  /** The best one truly does not work: the current one is taken for a while. */
  remember(): void {
    this.#until = Date.now() + REMEMBER_MS;
    this.#store(`${this.current} ${this.#until}`);
  }

  #store(value: string): void {
    try {
      this.#storage?.setItem(KEY, value);
    } catch {
      // It is remembered here alone.
    }
  }
}
