/**
 * Clients that all leave and return, as after a change of network or a deploy of the page.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import { joinAll } from "../join_all.ts";
import { type Usage, usageOf, usedPer } from "../processes.ts";
import { type Target, ticketsFor } from "../target.ts";
import type { Sizes } from "./sizes.ts";

/** How long each client is away: longer than the grace of presence (2 s), so that it has left. */
const AWAY_US = 3_000_000;

/** How long the returns may take after the last was due, milliseconds. */
const RETURN_MS = 60_000;

/** How leaving and returning went. */
export interface LeaveReturn {
  clients: number;
  /** Clients per second that left, and that returned. */
  rate: number;
  /** The share of clients that were back at the end. */
  back: number;
  /** Refusals and lost connections. */
  refusals: number;
  refused: Record<string, number>;
  /** From when a return was due until the client had joined, milliseconds. */
  p50: number;
  p99: number;
  /** CPU time per client that left and returned by group, microseconds. */
  cpu: Usage;
}

/** Measures clients that leave at a fixed rate. Each returns after a while with the same token. */
export async function leaveReturn(target: Target, sizes: Sizes): Promise<LeaveReturn> {
  const { returns: count, returnRate: rate } = sizes;
  using crowd = await joinAll(target, await ticketsFor(target.wire, "return", count), 5);
  const { swarm, joiners } = crowd;
  joiners.took = new Histogram();
  const before = joiners.refusals;
  const used = usageOf(target.groups);
  const began = clock();
  const interval = 1_000_000 / rate;
  let [left, returned] = [0, 0];
  const done = () => returned === count && joiners.joined === count;
  await swarm.run("returning", done, count / rate * 1_000 + RETURN_MS, () => {
    joiners.work();
    const now = clock();
    while (left < count && began + left * interval <= now) {
      joiners.leave(joiners.joiners[left++]!);
    }
    for (; returned < left; returned++) {
      const due = began + returned * interval + AWAY_US;
      if (due > now) break;
      joiners.join(joiners.joiners[returned]!, due);
    }
    return 1;
  }).catch(() => {});
  return {
    clients: count,
    rate,
    back: joiners.joined / count,
    refusals: joiners.refusals - before,
    refused: joiners.refused,
    p50: joiners.took.quantile(0.5) / 1_000,
    p99: joiners.took.quantile(0.99) / 1_000,
    cpu: usedPer(used, usageOf(target.groups), count),
  };
}
