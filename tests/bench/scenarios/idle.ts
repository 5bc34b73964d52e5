/**
 * Connections that do nothing.
 *
 * @module
 */
import { rssOf, usageOf } from "../processes.ts";
import type { Target } from "../target.ts";
import { connectCrowd } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The cost of idle connections. */
export interface Idle {
  connections: number;
  /** Memory of the gateways before the connections, bytes. */
  before: number;
  /** Memory of the gateways with all connections, bytes. */
  after: number;
  /** Memory of the gateways per connection, bytes. */
  perConnection: number;
  /** Memory per connection by group of processes, bytes. */
  groups: Record<string, number>;
  /** The share of a core that the gateways use while no messages flow. */
  core: number;
}

/** Measures connections that have each entered a room of ten members and do nothing. */
export async function idle(target: Target, sizes: Sizes): Promise<Idle> {
  const rss = () =>
    Object.fromEntries(
      Object.entries(target.groups).map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + rssOf(pid), 0),
      ]),
    );
  // Allocations for the very first connections are permanent and must not count.
  {
    using first = await connectCrowd(target, 2, 10);
    void first;
  }
  const before = rss();
  using crowd = await connectCrowd(target, Math.max(1, sizes.idle / 10), 10);
  const quiet = sizes.seconds * 2_500;
  let end = performance.now() + quiet;
  await crowd.swarm.run("settling", () => performance.now() > end, quiet * 3);
  const used = usageOf(target.groups).gateway!;
  end = performance.now() + quiet;
  await crowd.swarm.run("idling", () => performance.now() > end, quiet * 3);
  const after = rss();
  const groups = Object.fromEntries(
    Object.keys(after).map((name) => [name, (after[name]! - before[name]!) / sizes.idle]),
  );
  return {
    connections: sizes.idle,
    before: before.gateway!,
    after: after.gateway!,
    perConnection: groups.gateway!,
    groups,
    core: (usageOf(target.groups).gateway! - used) / 1_000 / quiet,
  };
}
