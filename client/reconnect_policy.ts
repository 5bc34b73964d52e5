/**
 * Decides, after each loss, when to connect again or whether to give up.
 *
 * @module
 */
import { backoff } from "./backoff.ts";
import { isPermanent, isTokenRefused } from "./close_codes.ts";
import type { HopwireOptions } from "./options.ts";

/** A loss of the connection, or a failed attempt. */
export interface Loss {
  /** The close code; 1006 if there was none. */
  code: number;
  /** Whether the connection had lasted long enough for the backoff to start over. */
  wasStable: boolean;
  /** Whether to connect again without a wait. */
  immediately?: boolean;
}

/** The state that one client keeps across its attempts. */
export class ReconnectPolicy {
  readonly #options: HopwireOptions;
  /** Attempts in a row since the last stable connection. */
  #attempts = 0;
  /** Whether a fresh token was tried at once, since the last one was refused. */
  #triedFreshToken = false;
  /** The wait that the server asked for, milliseconds. */
  #serverWait: number | null = null;

  constructor(options: HopwireOptions) {
    this.#options = options;
  }

  /** An attempt succeeded. */
  connected(): void {
    this.#triedFreshToken = false;
    this.#serverWait = null;
  }

  /** The server asked the client to wait before it reconnects, milliseconds. */
  setServerWait(milliseconds: number): void {
    this.#serverWait = milliseconds;
  }

  /**
   * Returns the milliseconds until the next attempt; `permanent` if reconnecting is pointless;
   * `exhausted` after `maxAttempts`. After a refused token it returns 0 once, if the application can
   * supply a fresh one.
   */
  next({ code, wasStable, immediately = false }: Loss): number | "permanent" | "exhausted" {
    const { token, maxAttempts = Infinity, random = Math.random } = this.#options;
    if (isTokenRefused(code) && typeof token === "function" && !this.#triedFreshToken) {
      this.#triedFreshToken = immediately = true;
    } else if (isPermanent(code)) {
      return "permanent";
    }
    if (wasStable) this.#attempts = 0;
    if (!immediately && ++this.#attempts > maxAttempts) return "exhausted";
    const wait = immediately ? 0 : this.#serverWait ?? backoff(this.#attempts, random);
    this.#serverWait = null;
    return wait;
  }
}
