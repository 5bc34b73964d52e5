/**
 * How many frames are traced because their clients ask for it, beyond those that the sampling ratio
 * chooses: whoever may ask cannot make the system record everything.
 *
 * @module
 */
import { type Fault, fault } from "../../../contract/mod.ts";
import { RateLimit } from "../rate_limit.ts";
import type { Account } from "./account.ts";

/** The settings, named as the gateway's variables are. */
export interface TraceLimits {
  /** Traces of one user, and of all users of the gateway, each second. */
  USER_RATE_TRACES: number;
  RATE_TRACES: number;
  /** What may be used at once after a pause: what the rates allow in this time, seconds. */
  USER_BURST_SECONDS: number;
}

/** See the module's doc. One per gateway. */
export class TraceBudget {
  readonly #limits: TraceLimits;
  readonly #all: RateLimit;
  /** Few users trace. An account is forgotten once it has rested, and its traces with it. */
  readonly #users = new WeakMap<Account, RateLimit>();

  /** Starts full. */
  constructor(limits: TraceLimits) {
    this.#limits = limits;
    this.#all = this.#rate(limits.RATE_TRACES, performance.now());
  }

  /** Takes one trace of a user. Returns the refusal, or null. `now` is a monotonic time in milliseconds. */
  take(account: Account, now: number): Fault | null {
    let user = this.#users.get(account);
    if (user === undefined) {
      user = this.#rate(this.#limits.USER_RATE_TRACES, now);
      this.#users.set(account, user);
    }
    const wait = user.take(now);
    if (wait > 0) return fault("rate_limited", "traces of this user", wait);
    const waitOfAll = this.#all.take(now);
    return waitOfAll > 0 ? fault("unavailable", "too many traces", waitOfAll) : null;
  }

  #rate(perSecond: number, now: number): RateLimit {
    return new RateLimit(perSecond, perSecond * this.#limits.USER_BURST_SECONDS, now);
  }
}
