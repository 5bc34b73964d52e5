/**
 * What one user, or one client address, may use of this gateway over all of its connections. No I/O.
 *
 * @module
 */
import { MAX_USAGE_NAMESPACES, QUOTAS } from "../../../contract/mod.ts";

/**
 * The name of a quota. The prices: `frames`: 1 a frame. `bytes`: 1 a byte received, and
 * more for the values in large frames. `messages`: 1 a
 * `message`. `joins`: 1 a `subscribe`. `rooms`: 1 for each room that the gateway did not hold before.
 * `history`: 1 a byte of history, in pages or replayed, and of pages of members. `calls`: 1 a `call`.
 */
export type Quota = typeof QUOTAS[number];

/** A steady rate, with the amount that may be used at once after a pause. */
export interface Rate {
  perSecond: number;
  burst: number;
}

/** The rate of each quota. */
export type Rates = Readonly<Record<Quota, Rate>>;

/** The messages of a user in a namespace with a rate of its own. */
interface NamespaceBucket {
  fullAt: number;
  /** The time that the messages take which were sent here since they were told, milliseconds. */
  ms: number;
}

const INDEX = Object.fromEntries(QUOTAS.map((quota, i) => [quota, i])) as Record<Quota, number>;

/**
 * See the module's doc. Every quota is a token bucket that is stored as the time at which it will be full:
 * one number each, and no timer.
 */
export class Account {
  /** The user's id, or the address. */
  readonly key: string;
  readonly #rates: Rates;
  /** Null while every quota is full: most users are idle, and an array takes 180 bytes. */
  #fullAt: Float64Array | null = null;
  /** What was used here since the last {@link Account.takeUsed}; null for nothing. */
  #used: Float64Array | null = null;
  /** For messages in namespaces with a rate of their own. Bounded by the namespaces. */
  #namespaces: Map<string, NamespaceBucket> | null = null;
  /** Connections and rooms that keep the account in its table. */
  holders = 0;
  /** Open connections, and those that have not authenticated. */
  connections = 0;
  unauthenticated = 0;
  /** Rooms that the gateway opened for this account and still holds. */
  rooms = 0;
  /** Requests (history, presence, calls) under way. */
  pendingAnswers = 0;
  /** Messages that wait to be stored. */
  publishes = 0;

  /** All quotas are full. */
  constructor(key: string, rates: Rates) {
    this.key = key;
    this.#rates = rates;
  }

  /**
   * Takes `cost` from a quota. Returns 0 if there was as much; otherwise takes nothing and returns the
   * milliseconds until there will be. `now` is a monotonic time in milliseconds.
   */
  take(quota: Quota, cost: number, now: number): number {
    const { perSecond, burst } = this.#rates[quota];
    const index = INDEX[quota];
    const times = this.#fullAt ??= new Float64Array(QUOTAS.length);
    const fullAt = Math.max(times[index]!, now) + cost * 1_000 / perSecond;
    const wait = fullAt - now - burst * 1_000 / perSecond;
    // Less than a hundredth of a millisecond is rounding.
    if (wait > 0.01) return Math.ceil(wait);
    times[index] = fullAt;
    this.#use(index, cost);
    return 0;
  }

  /** Takes `cost` whether there is as much or not: what it was is known only afterwards. */
  charge(quota: Quota, cost: number, now: number): void {
    const index = INDEX[quota];
    const { perSecond } = this.#rates[quota];
    const times = this.#fullAt ??= new Float64Array(QUOTAS.length);
    times[index] = Math.max(times[index]!, now) + cost * 1_000 / perSecond;
    this.#use(index, cost);
  }

  #use(index: number, cost: number): void {
    const used = this.#used ??= new Float64Array(QUOTAS.length);
    used[index]! += cost;
  }

  /** Takes what was used at another gateway, in the order of the quotas. */
  usedElsewhere(used: readonly number[], now: number): void {
    const times = this.#fullAt ??= new Float64Array(QUOTAS.length);
    for (const [index, quota] of QUOTAS.entries()) {
      const { perSecond } = this.#rates[quota];
      times[index] = Math.max(times[index]!, now) + (used[index] ?? 0) * 1_000 / perSecond;
    }
  }

  /** Takes what was sent at another gateway in a namespace with a rate of its own. */
  usedInElsewhere(namespace: string, ms: number, now: number): void {
    const bucket = this.#bucketOf(namespace);
    bucket.fullAt = Math.max(bucket.fullAt, now) + ms;
  }

  /** The largest share of a rate that was used here since the last {@link Account.takeUsed}, `ms` ago. */
  usedShare(ms: number): number {
    if (this.#used === null) return 0;
    let share = 0;
    for (let i = 0; i < QUOTAS.length; i++) {
      const used = this.#used[i]!;
      if (used > 0) share = Math.max(share, used * 1_000 / ms / this.#rates[QUOTAS[i]!].perSecond);
    }
    for (const bucket of this.#namespaces?.values() ?? []) share = Math.max(share, bucket.ms / ms);
    return share;
  }

  /** Returns what was used here since the last call, in the order of the quotas, and in namespaces. */
  takeUsed(): { used: number[]; namespaces?: { namespace: string; ms: number }[] } {
    const used = Array.from(this.#used ?? new Float64Array(QUOTAS.length), Math.round);
    const namespaces = [];
    for (const [namespace, { ms }] of this.#namespaces ?? []) {
      if (ms > 0 && namespaces.length < MAX_USAGE_NAMESPACES) {
        namespaces.push({ namespace, ms: Math.round(ms) });
      }
    }
    this.forgetUsed();
    return namespaces.length === 0 ? { used } : { used, namespaces };
  }

  /** The same without returning it. */
  forgetUsed(): void {
    this.#used = null;
    for (const bucket of this.#namespaces?.values() ?? []) bucket.ms = 0;
  }

  /** Takes one message in a namespace that allows `perSecond`, and ten times as many at once. */
  takeIn(namespace: string, perSecond: number, now: number): number {
    const bucket = this.#bucketOf(namespace);
    const cost = 1_000 / perSecond;
    const fullAt = Math.max(bucket.fullAt, now) + cost;
    const wait = fullAt - now - 10_000;
    if (wait > 0.01) return Math.ceil(wait);
    bucket.fullAt = fullAt;
    bucket.ms += cost;
    return 0;
  }

  #bucketOf(namespace: string): NamespaceBucket {
    this.#namespaces ??= new Map();
    let bucket = this.#namespaces.get(namespace);
    if (bucket === undefined) this.#namespaces.set(namespace, bucket = { fullAt: 0, ms: 0 });
    return bucket;
  }

  /** Whether every quota is full again, so that a new account would be the same. Frees what that takes. */
  rested(now: number): boolean {
    for (const fullAt of this.#fullAt ?? []) if (fullAt > now) return false;
    for (const { fullAt } of this.#namespaces?.values() ?? []) if (fullAt > now) return false;
    this.#fullAt = null;
    this.#namespaces = null;
    return true;
  }
}
