/**
 * The lease on the archive: one instance writes at a time. It is a row of the database that its
 * holder renews. An instance that sees no renewal for a while takes it over, by its own monotonic
 * clock. Every write proves in its own transaction that the lease is still held, so a holder that
 * was only paused changes nothing when it wakes up.
 *
 * @module
 */
import { errorText, type Logger } from "../../kit/mod.ts";
import { type Archive, type Lease, LeaseLost } from "../archive/archive.ts";

/** How often the holder renews the lease, milliseconds. */
const RENEW_MS = 400;

/** How often others look at it, milliseconds. */
const WATCH_MS = 200;

/**
 * How long the lease may go without a renewal, milliseconds. Two renewals may be lost or late. With
 * the time between two looks, another instance takes over within 1.6 s of a crash.
 */
const EXPIRES_MS = 1_300;

/** Holds the lease, or waits for it. */
export interface LeaseKeeper {
  /** The term of the lease while this instance holds it; null otherwise. */
  readonly term: number | null;
  /** Whether this instance holds the lease for sure: it has renewed it a moment ago. */
  readonly sure: boolean;
  /** Whether this instance has seen the lease held, by itself or by another instance. */
  readonly held: boolean;
  /** Resolves when this instance holds the lease; null if it stops before. */
  acquire(): Promise<number | null>;
  /** Records that a write found the lease lost. */
  lose(): void;
  /** Stops to compete for the lease: {@link LeaseKeeper.acquire} returns null unless it is held. */
  giveUp(): void;
  /** Stops. Frees the lease if this instance holds it. */
  stop(): Promise<void>;
}

/** The times of {@link keepLease}, for tests; milliseconds. */
export interface LeaseTimes {
  renew: number;
  watch: number;
  expires: number;
}

/** How long an instance that cannot archive keeps the lease, milliseconds. */
const USELESS_MS = 1_000;

/**
 * Starts to compete for the lease of an archive. `onLost` is called when this instance no longer has it.
 * An instance for which `useful` is false for a while gives it to another one.
 */
export function keepLease(
  archive: Archive,
  log: Logger,
  onLost: () => void,
  times: LeaseTimes = { renew: RENEW_MS, watch: WATCH_MS, expires: EXPIRES_MS },
  useful: () => boolean = () => true,
): LeaseKeeper {
  const holder = crypto.randomUUID();
  let term: number | null = null;
  let held = false;
  let renewedAt = -Infinity;
  let usefulAt = performance.now();
  let competing = true;
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let seen: (Lease & { since: number }) | undefined;
  let acquired = Promise.withResolvers<void>();

  const lose = () => {
    if (term === null) return;
    log.warn("this instance archives no longer", { term });
    term = null;
    seen = undefined;
    acquired = Promise.withResolvers();
    onLost();
  };
  const watch = async () => {
    const lease = await archive.lease();
    const now = performance.now();
    if (seen?.term !== lease.term || seen.beat !== lease.beat || seen.holder !== lease.holder) {
      seen = { ...lease, since: now };
    }
    held = lease.holder !== "";
    if (!competing || !useful()) return;
    if (held && now - seen.since < times.expires) return;
    const won = await archive.takeLease(holder, lease);
    if (won === null || stopped) return;
    term = won;
    held = true;
    renewedAt = usefulAt = performance.now();
    log.info("this instance archives now", { term });
    acquired.resolve();
  };
  const renew = async (held: number) => {
    const now = performance.now();
    if (useful()) usefulAt = now;
    if (now - usefulAt < USELESS_MS) {
      await archive.renewLease(held);
      renewedAt = now;
    } else {
      await archive.releaseLease(held);
      lose();
    }
  };
  const tick = async () => {
    try {
      if (term === null) await watch();
      else await renew(term);
    } catch (error) {
      if (error instanceof LeaseLost) lose();
      else log.debug("the lease is not available", { error: errorText(error) });
    }
    const next = term === null ? times.watch : times.renew;
    if (!stopped) timer = setTimeout(() => void (running.tick = tick()), next);
  };
  const running = { tick: tick() };
  return {
    get term() {
      return term;
    },
    get sure() {
      return term !== null && performance.now() - renewedAt < times.expires;
    },
    get held() {
      return held;
    },
    async acquire() {
      while (term === null && competing) await acquired.promise;
      return term;
    },
    lose,
    giveUp() {
      competing = false;
      acquired.resolve();
    },
    async stop() {
      competing = false;
      stopped = true;
      clearTimeout(timer);
      acquired.resolve();
      await running.tick;
      if (term !== null) await archive.releaseLease(term).catch(() => {});
      term = null;
    },
  };
}
