/**
 * Logs refused authentications with the addresses that they came from, so that an operator sees who guesses
 * tokens. Anybody can cause such a line, so there is one a second at most, which sums up what came since the
 * one before. It contains no token and no claim of one.
 *
 * @module
 */
import type { Logger } from "../../../kit/mod.ts";

/** Refusals wait for this long to be logged together, milliseconds. */
const INTERVAL_MS = 1_000;

/** Addresses that are told apart in one line; refusals of more count as those of others. */
const MAX_ADDRESSES = 1_000;

/** Addresses that a line names: those with the most refusals. */
const NAMED = 5;

/** Longest reason in a line, characters. */
const MAX_REASON_LENGTH = 100;

/** See the module's doc. One per gateway. */
export class RefusedAuthentications {
  readonly #log: Logger;
  readonly #addresses = new Map<string, { refused: number; reason: string }>();
  #refused = 0;
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** Lines go to `log`. */
  constructor(log: Logger) {
    this.#log = log;
  }

  /** Adds a refusal. `reason` is what the client is told, which holds nothing of its token. */
  add(address: string, reason: string): void {
    this.#refused++;
    this.#timer ??= setTimeout(() => this.flush(), INTERVAL_MS);
    const known = this.#addresses.get(address);
    if (known !== undefined) {
      known.refused++;
      known.reason = reason;
    } else if (this.#addresses.size < MAX_ADDRESSES) {
      this.#addresses.set(address, { refused: 1, reason });
    }
  }

  /** Logs what waits. */
  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#refused === 0) return;
    const most = [...this.#addresses].sort(([, a], [, b]) => b.refused - a.refused).slice(0, NAMED);
    this.#log.warn("refused authentications", {
      refused: this.#refused,
      addresses: this.#addresses.size,
      most: most.map(([address, { refused, reason }]) => ({
        address,
        refused,
        reason: reason.slice(0, MAX_REASON_LENGTH),
      })),
    });
    this.#refused = 0;
    this.#addresses.clear();
  }
}
