/**
 * Ten times more than a target can do: what it still does, and how soon it is back to normal.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import { joinAll, type Joined } from "../join_all.ts";
import { type Usage, usageOf, usedPer } from "../processes.ts";
import { type Target, ticketsFor } from "../target.ts";
import { joinWork } from "./overload_joins.ts";
import { messageWork } from "./overload_messages.ts";
import type { Sizes } from "./sizes.ts";

/** Work that is offered. */
export interface Work {
  /** Starts the nth piece, which is due at a time of the clock. */
  start(n: number, due: number): void;
  /** Pieces that succeeded, and that were refused. */
  done: number;
  refused: number;
  /** How long the successful ones took since they were due, microseconds. */
  took: Histogram;
}

/** How often the measured capacity is offered per second. */
const FACTOR = 10;

/** Pieces in progress while the capacity is measured. The most that any of these achieves counts. */
const IN_PROGRESS = [256, 1_024, 4_096];

/** Pieces that start between two polls at most. */
const BURST = 256;

/** Newcomers before the overload, and the time between two newcomers. */
const [PROBES_BEFORE, PROBE_US] = [20, 100_000];

/** A newcomer's join is normal below three times the p99 before, and always below this. */
const NORMAL_US = 100_000;

/** How an overload went. */
export interface Overload {
  /** What the target does per second when it is asked for as much as it can do. */
  capacity: number;
  /** What it was asked for per second: less than ten times if the load client could not ask. */
  offered: number;
  /** What it did per second then, and as a share of the capacity. */
  goodput: number;
  share: number;
  refused: number;
  /** Latency of what it did, milliseconds. */
  p50: number;
  p99: number;
  /** CPU time per piece done by group, microseconds. */
  cpu: Usage;
  /** p99 of a newcomer's join before, milliseconds. */
  newcomerBefore: number;
  /** Seconds after the overload until newcomers joined as fast again; null if they did not. */
  recovery: number | null;
}

/** Overloads a target with joins: subscriptions of connected clients. */
export function overloadJoins(target: Target, sizes: Sizes): Promise<Overload> {
  return overload(target, sizes, joinWork);
}

/** Overloads a target with messages to many small rooms. */
export function overloadMessages(target: Target, sizes: Sizes): Promise<Overload> {
  return overload(target, sizes, messageWork);
}

async function overload(
  target: Target,
  sizes: Sizes,
  workOf: (target: Target, crowd: Joined, clients: number) => Work,
): Promise<Overload> {
  const { overloadClients: clients, overloadSeconds } = sizes;
  const probesAfter = sizes.overloadProbes;
  const tickets = await ticketsFor(target.wire, "overload", clients);
  const newcomers = await ticketsFor(target.wire, "late", PROBES_BEFORE + probesAfter);
  using crowd = await joinAll(target, tickets, 5, newcomers);
  const { swarm, joiners } = crowd;
  const work = workOf(target, crowd, clients);
  let n = 0;
  const seconds = async (length: number, step: () => void) => {
    const end = clock() + length * 1_000_000;
    await swarm.run("overload", () => clock() >= end, length * 1_000 + 60_000, () => {
      joiners.work();
      step();
      return 0;
    });
  };
  const probe = async (from: number, count: number) => {
    joiners.took = new Histogram();
    const results: { due: number; took: number }[] = [];
    joiners.onJoined = ({ due }) => results.push({ due, took: clock() - due });
    const began = clock();
    let started = 0;
    await seconds(count * PROBE_US / 1_000_000, () => {
      const due = began + started * PROBE_US;
      if (started < count && clock() >= due) joiners.join(joiners.joiners[from + started++]!, due);
    });
    for (let i = 0; i < started; i++) {
      const joiner = joiners.joiners[from + i]!;
      if (joiner.state === "joining") results.push({ due: joiner.due, took: clock() - joiner.due });
      joiners.leave(joiner);
    }
    joiners.onJoined = null;
    return { began, results };
  };

  const before = await probe(clients, PROBES_BEFORE);
  const newcomerBefore = Math.max(...before.results.map(({ took }) => took));
  let capacity = 0;
  for (const limit of IN_PROGRESS) {
    const base = n - work.done - work.refused;
    const fill = () => {
      const free = limit - (n - work.done - work.refused - base);
      for (let i = 0; i < free; i++) work.start(n++, clock());
    };
    await seconds(0.5, fill);
    const done = work.done;
    await seconds(sizes.seconds, fill);
    capacity = Math.max(capacity, (work.done - done) / sizes.seconds);
    await seconds(1, () => {});
  }

  const interval = 1_000_000 / (capacity * FACTOR);
  const began = clock();
  const used = usageOf(target.groups);
  const histogram = work.took = new Histogram();
  const [first, refused] = [n, work.refused];
  const done = work.done;
  await seconds(overloadSeconds, () => {
    for (let burst = 0; burst < BURST; burst++) {
      const due = began + (n - first) * interval;
      if (due > clock()) return;
      work.start(n++, Math.round(due));
    }
  });
  const elapsed = (clock() - began) / 1_000_000;
  const count = work.done - done;
  const offered = (n - first) / elapsed;
  const cpu = usedPer(used, usageOf(target.groups), count);
  const [p50, p99] = [0.5, 0.99].map((share) => histogram.quantile(share) / 1_000);
  const refusedCount = work.refused - refused;
  const after = await probe(clients + PROBES_BEFORE, probesAfter);
  const slow = after.results.filter(({ took }) => took > Math.max(NORMAL_US, 3 * newcomerBefore));
  const lastSlow = Math.max(0, ...slow.map(({ due, took }) => due + took - after.began));
  return {
    capacity,
    offered,
    goodput: count / elapsed,
    share: count / elapsed / capacity,
    refused: refusedCount,
    p50: p50!,
    p99: p99!,
    cpu,
    newcomerBefore: newcomerBefore / 1_000,
    recovery: lastSlow >= (probesAfter - 1) * PROBE_US ? null : lastSlow / 1_000_000,
  };
}
