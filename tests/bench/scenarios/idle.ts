/**
 * Connections that do nothing.
 *
 * @module
 */
import { rssOf, usageOf } from "../processes.ts";
import type { Target } from "../targets.ts";
import { connectCrowd } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** What connections cost that do nothing. */
export interface Idle {
  connections: number;
  /** Bytes of the gateway(s): at rest before, with all connected, and what each adds. */
  before: number;
  after: number;
  each: number;
  /** What each adds, by group of processes. */
  groups: Record<string, number>;
  /** The share of a core that they take while nothing is said. */
  core: number;
}

/** Connections that have each entered one room (of ten members) and do nothing. */
export async function idleCrowd(target: Target, sizes: Sizes): Promise<Idle> {
  const rss = () =>
    Object.fromEntries(
      Object.entries(target.groups).map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + rssOf(pid), 0),
      ]),
    );
  // What is made for the first connections is there for good: it is not theirs.
  {
    using first = await connectCrowd(target, 2, 10);
    void first;
  }
  const before = rss();
  using crowd = await connectCrowd(target, Math.max(1, sizes.idle / 10), 10);
  const quiet = sizes.seconds * 2_500;
  let end = performance.now() + quiet;
  await crowd.swarm.run("coming to rest", () => performance.now() > end, quiet * 3);
  const used = usageOf(target.groups).gateway!;
  end = performance.now() + quiet;
  await crowd.swarm.run("resting", () => performance.now() > end, quiet * 3);
  const after = rss();
  const groups = Object.fromEntries(
    Object.keys(after).map((name) => [name, (after[name]! - before[name]!) / sizes.idle]),
  );
  return {
    connections: sizes.idle,
    before: before.gateway!,
    after: after.gateway!,
    each: groups.gateway!,
    groups,
    core: (usageOf(target.groups).gateway! - used) / 1_000 / quiet,
  };
}
