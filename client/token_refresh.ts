/**
 * Replaces the token on a live connection before it expires.
 *
 * @module
 */
import type { Clock } from "./options.ts";
import type { Timers } from "./timers.ts";

/** How long before its expiry a token is replaced, milliseconds: the server warns at this point. */
const REFRESH_BEFORE_MS = 60_000;

/** Pause after the first failed refresh, milliseconds. It doubles with each failure. */
const RETRY_MS = 1_000;

/** Longest pause, milliseconds: a minute leaves room for several attempts. */
const MAX_RETRY_MS = REFRESH_BEFORE_MS / 4;

/** The longest delay that platform timers support, milliseconds (a signed 32-bit integer). */
const MAX_TIMER_MS = 2_147_483_647;

/** Callbacks of {@link TokenRefresh}. */
export interface TokenRefreshEvents {
  /** Ask the application for a new token. */
  getToken(): Promise<string>;
  /** Send the new token to the server. */
  sendToken(token: string): void;
  /** A refresh failed. The old token is still valid, and the refresh is tried again. */
  failed(error: unknown): void;
}

/** Schedules token refreshes for one connection. Its timers end when the owner clears them. */
export class TokenRefresh {
  readonly #clock: Clock;
  readonly #timers: Timers;
  readonly #enabled: boolean;
  readonly #events: TokenRefreshEvents;
  /** When the current token was accepted, by the clock. */
  #acceptedAt = 0;
  /** How long it was valid at that time, milliseconds. */
  #lifetime = Infinity;
  #failures = 0;
  #running = false;
  /** Rises when the connection ends, so that a token that comes later is ignored. */
  #generation = 0;

  /** `enabled`: whether the application can supply a new token. */
  constructor(clock: Clock, timers: Timers, enabled: boolean, events: TokenRefreshEvents) {
    this.#clock = clock;
    this.#timers = timers;
    this.#enabled = enabled;
    this.#events = events;
  }

  /**
   * The server accepted a token. Schedules the refresh one minute before the expiry, or halfway if
   * the token lives for less than two minutes. `expiresAt` is in milliseconds since 1970; null means
   * never.
   */
  accepted(expiresAt: number | null): void {
    this.#running = false;
    this.#acceptedAt = this.#clock.now();
    this.#failures = 0;
    this.#timers.clear("refresh");
    this.#lifetime = Infinity;
    if (expiresAt === null || !this.#enabled) return;
    const lifetime = expiresAt - Date.now();
    // This device's clock is wrong. Wait for the server to send `token-expiring` instead.
    if (lifetime <= 0) return;
    this.#lifetime = lifetime;
    const wait = Math.max(lifetime - REFRESH_BEFORE_MS, lifetime / 2);
    this.#timers.set("refresh", Math.min(wait, MAX_TIMER_MS), () => void this.#refresh());
  }

  /**
   * The server says that the token expires within a minute. It says so at once after accepting a
   * token that lives for less than that: then the scheduled refresh is soon enough.
   */
  expiring(): void {
    const age = this.#clock.now() - this.#acceptedAt;
    if (age >= Math.min(this.#lifetime, REFRESH_BEFORE_MS) / 2) void this.#refresh();
  }

  /** The application had no token, or the server refused it. Schedules the next attempt. */
  failed(error: unknown): void {
    this.#running = false;
    const wait = Math.min(RETRY_MS * 2 ** this.#failures++, MAX_RETRY_MS);
    this.#timers.set("refresh", wait, () => void this.#refresh());
    this.#events.failed(error);
  }

  /** The connection ended. Ignores the refresh that is in progress. */
  stop(): void {
    this.#generation++;
    this.#running = false;
  }

  async #refresh(): Promise<void> {
    if (this.#running || !this.#enabled) return;
    this.#running = true;
    const generation = this.#generation;
    try {
      const token = await this.#events.getToken();
      if (generation === this.#generation) this.#events.sendToken(token);
    } catch (error) {
      if (generation === this.#generation) this.failed(error);
    }
  }
}
