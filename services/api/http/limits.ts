/**
 * How much of the API one key, and all keys together, may use.
 *
 * @module
 */
import type { ApiKey } from "../../contract/mod.ts";
import { FaultError } from "../../kit/mod.ts";

/** Seconds of its rate that a key may use at once after a pause. */
const BURST_SECONDS = 2;

/** How long to wait where too much is in progress, milliseconds. */
const BUSY_MS = 250;

/** What limits what. */
export interface LimitOptions {
  /** Operations a second of a key without a rate of its own. */
  rate: number;
  /** Requests of one key, and of all, that may be in progress. */
  perKey: number;
  all: number;
  /** A monotonic clock in milliseconds. */
  now?: () => number;
}

/** The limits of one process. */
export interface Limits {
  /** Requests in progress. */
  readonly active: number;
  /**
   * Begins a request. Returns a function that ends it.
   *
   * @throws {FaultError} `rate_limited` or `unavailable` if too many are in progress
   */
  begin(key: ApiKey): () => void;
  /**
   * Takes `cost` operations of a key's rate.
   *
   * @throws {FaultError} `rate_limited` if nothing is left
   */
  take(key: ApiKey, cost: number): void;
  /**
   * Takes what a request costs beyond that. It may be more than is left, which the key then owes: so a large
   * batch is neither impossible nor free.
   */
  charge(key: ApiKey, cost: number): void;
}

interface Usage {
  left: number;
  at: number;
  active: number;
}

/** Creates the limits. They keep one entry for each key that was used, of which a file has 1,000 at most. */
export function createLimits(options: LimitOptions): Limits {
  const { rate: defaultRate, perKey, all, now = () => performance.now() } = options;
  const usages = new Map<string, Usage>();
  let active = 0;

  const usageOf = ({ id, rate = defaultRate }: ApiKey): Usage => {
    const burst = Math.max(1, rate * BURST_SECONDS);
    let usage = usages.get(id);
    if (usage === undefined) usages.set(id, usage = { left: burst, at: now(), active: 0 });
    usage.left = Math.min(burst, usage.left + (now() - usage.at) * rate / 1_000);
    usage.at = now();
    return usage;
  };
  const forgetIdle = () => {
    for (const [id, { active, at }] of usages) {
      if (active === 0 && now() - at > 3_600_000) usages.delete(id);
    }
  };
  return {
    get active() {
      return active;
    },
    begin(key) {
      if (active >= all) throw new FaultError("unavailable", "too many requests", BUSY_MS);
      if (usages.size >= 2_000) forgetIdle();
      const usage = usageOf(key);
      if (usage.active >= perKey) {
        throw new FaultError(
          "rate_limited",
          `${perKey} requests of this key are in progress`,
          BUSY_MS,
        );
      }
      active++;
      usage.active++;
      return () => {
        active--;
        usage.active--;
      };
    },
    take(key, cost) {
      const usage = usageOf(key);
      if (usage.left < 1) {
        const { rate = defaultRate } = key;
        const wait = Math.ceil((1 - usage.left) / rate * 1_000);
        throw new FaultError("rate_limited", `more than ${rate} operations a second`, wait);
      }
      usage.left -= cost;
    },
    charge(key, cost) {
      usageOf(key).left -= cost;
    },
  };
}
