/**
 * Selects the transport for the next attempt, and remembers a fallback that was needed.
 *
 * @module
 */
import type { HopwireOptions, TransportName } from "./options.ts";

/** Failed attempts in a row before the next transport is tried. WebSocket gets a second chance. */
const MAX_FAILURES: Record<TransportName, number> = { websocket: 2, sse: 1, poll: 1 };

/** How long a fallback is remembered, milliseconds: one hour. Then WebSocket is tried again. */
const REMEMBER_MS = 3_600_000;

/** Key in the storage. The value is the transport and the expiry, separated by a space. */
const STORAGE_KEY = "hopwire.transport";

/** Selects among the transports that the application allows, best first. */
export class TransportSelector {
  readonly #names: TransportName[];
  readonly #storage: HopwireOptions["storage"];
  #index = 0;
  #failures = 0;
  /** Until when the fallback is used without probing WebSocket; milliseconds since 1970. */
  #rememberedUntil = 0;

  constructor(names: TransportName[], storage: HopwireOptions["storage"]) {
    this.#names = names;
    this.#storage = storage;
    // Access may throw if the browser is set to store nothing.
    try {
      const [name, until] = storage?.getItem(STORAGE_KEY)?.split(" ") ?? [];
      const index = names.indexOf(name as TransportName);
      if (index > 0 && Number(until) > Date.now()) {
        [this.#index, this.#rememberedUntil] = [index, Number(until)];
      }
    } catch {
      // Start with the best transport.
    }
  }

  /** The transport to use for the next attempt. */
  get current(): TransportName {
    return this.#names[this.#index]!;
  }

  /** Whether to probe WebSocket: a fallback is in use, and nothing proves that it is needed. */
  get shouldProbeWebSocket(): boolean {
    return this.#index > 0 && this.#names[0] === "websocket" && Date.now() > this.#rememberedUntil;
  }

  /** Counts a failed attempt. Moves on to the next transport after enough of them. */
  attemptFailed(): void {
    if (++this.#failures < MAX_FAILURES[this.current]) return;
    this.#failures = 0;
    // After the last transport comes the first: the server itself may have been away.
    this.#index = (this.#index + 1) % this.#names.length;
  }

  /** The current transport connected. */
  attemptSucceeded(): void {
    this.#failures = 0;
  }

  /** A probe showed that the best transport works: returns to it and forgets the fallback. */
  useBest(): void {
    this.#index = this.#failures = this.#rememberedUntil = 0;
    this.#store("");
  }

  /** A probe showed that WebSocket does not work here: keeps the fallback for an hour. */
  rememberFallback(): void {
    this.#rememberedUntil = Date.now() + REMEMBER_MS;
    this.#store(`${this.current} ${this.#rememberedUntil}`);
  }

  #store(value: string): void {
    try {
      this.#storage?.setItem(STORAGE_KEY, value);
    } catch {
      // Only this client remembers it then.
    }
  }
}
