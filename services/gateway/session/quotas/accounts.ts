/**
 * The accounts of a gateway: one for each user and one for each client address that it has to do with.
 *
 * @module
 */
import { Account, type Rates } from "./account.ts";

/** Accounts without a connection that are remembered because their quotas are not full again. */
const MAX_IDLE = 10_000;

/** See the module's doc. One table for users, one for addresses. */
export class Accounts {
  readonly #rates: Rates;
  readonly #maxIdle: number;
  readonly #accounts = new Map<string, Account>();
  /** Accounts that nobody holds. The one that has been idle for longest stands first. */
  readonly #idle = new Set<Account>();

  /** All accounts of the table have the same rates. */
  constructor(rates: Rates, maxIdle = MAX_IDLE) {
    this.#rates = rates;
    this.#maxIdle = maxIdle;
  }

  /** How many accounts are in the table. */
  get size(): number {
    return this.#accounts.size;
  }

  /** Every account. */
  values(): Iterable<Account> {
    return this.#accounts.values();
  }

  /** Returns an account if it is in the table. */
  find(key: string): Account | undefined {
    return this.#accounts.get(key);
  }

  /** Returns an account, which stays until it is released. */
  hold(key: string): Account {
    let account = this.#accounts.get(key);
    if (account === undefined) {
      account = new Account(key, this.#rates);
      this.#accounts.set(key, account);
    }
    if (account.holders++ === 0) this.#idle.delete(account);
    return account;
  }

  /** Gives an account back. `now` is a monotonic time in milliseconds. */
  release(account: Account, now: number): void {
    if (--account.holders > 0) return;
    this.#idle.add(account);
    // Without a timer: there are at most as many idle accounts as were released.
    for (const oldest of this.#idle) {
      if (this.#idle.size <= this.#maxIdle && !oldest.rested(now)) break;
      this.#idle.delete(oldest);
      this.#accounts.delete(oldest.key);
    }
  }
}
