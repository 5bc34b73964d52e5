/**
 * Which instance works: the one that renews the lease. The others watch, and take it when it was not renewed
 * for its whole length by their own clocks. The holder stops before that by its own.
 *
 * @module
 */
import * as z from "zod";
import type { Bus } from "../../kit/mod.ts";
import { errorText, LogThrottle } from "../../kit/mod.ts";
import type { StateStore } from "./state_store.ts";

/** How long a lease holds without renewal, milliseconds. */
const LEASE_MS = 4_000;

/** How long before that its holder stops, milliseconds: what it has sent by then has arrived. */
const MARGIN_MS = 1_500;

/** How often it is renewed, and looked at, milliseconds. */
export const RENEW_MS = 1_000;

const Lease = z.object({
  /** Who holds it; empty if nobody does. */
  instance: z.string(),
});

/** The lease, as one instance sees it. */
export interface LeaseKeeper {
  /** Whether this instance holds it now. */
  readonly held: boolean;
  /** Gives it back, so that another instance takes it at once. */
  release(): Promise<void>;
}

/**
 * Tries to get and keep the lease. `taken` is called when it has it, `lost` when it has no more, and `looked`
 * when it is known who has it.
 */
export function keepLease(
  bus: Bus,
  store: StateStore,
  { taken, lost, looked }: { taken: () => void; lost: () => void; looked: () => void },
): LeaseKeeper {
  const instance = crypto.randomUUID();
  const throttle = new LogThrottle();
  /** When this instance last knew that it holds the lease; a monotonic time in milliseconds. */
  let renewedAt = -Infinity;
  let seq = 0;
  let holding = false;
  let stopped = false;
  /** What was seen of another's lease, and when first. */
  let seen = { seq: -1, at: 0 };
  const held = () => holding && performance.now() - renewedAt < LEASE_MS - MARGIN_MS;

  /** Writes the lease; returns whether it is this instance's. */
  const renew = async (): Promise<boolean> => {
    const began = performance.now();
    let written = await store.write("lease", { instance }, seq);
    if (written === undefined) {
      // The answer to an earlier write of ours may have been lost. For the others the lease began with it.
      const kept = await store.read("lease", Lease);
      if (kept?.value.instance !== instance) return false;
      written = await store.write("lease", { instance }, kept.seq);
      if (written === undefined) return false;
    }
    seq = written;
    renewedAt = began;
    return true;
  };
  const look = async () => {
    const kept = await store.read("lease", Lease);
    looked();
    const now = performance.now();
    const last = kept?.seq ?? 0;
    if (last !== seen.seq) seen = { seq: last, at: now };
    const free = kept === undefined || kept.value.instance === "";
    if (!free && now - seen.at < LEASE_MS) return;
    seq = last;
    if (!await renew() || stopped) return;
    holding = true;
    taken();
  };
  const end = () => {
    holding = false;
    lost();
  };
  const tick = async () => {
    try {
      if (!holding) await look();
      else if (!held() || !await renew()) end();
    } catch (error) {
      throttle.run(() => bus.log.warn("no lease of webhooks", { error: errorText(error) }));
      if (holding && !held()) end();
    }
  };
  let timer: ReturnType<typeof setTimeout>;
  const run = async () => {
    await tick();
    if (!stopped) timer = setTimeout(run, RENEW_MS);
  };
  void run();
  return {
    get held() {
      return held();
    },
    async release() {
      stopped = true;
      clearTimeout(timer);
      if (!held()) return;
      holding = false;
      await store.write("lease", { instance: "" }, seq).catch(() => {});
    },
  };
}
