/**
 * A join storm: clients connect, each with its own token, and join a room of five.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { joinAll } from "../join_all.ts";
import { cpuOf, type Usage, usageOf, usedPer } from "../processes.ts";
import { type Target, ticketsFor } from "../target.ts";
import type { Sizes } from "./sizes.ts";

/** The cost of joining. */
export interface JoinStorm {
  clients: number;
  /** Clients connected, authenticated and joined per second. */
  perSecond: number;
  /** From the start of a client's connection until it has joined, milliseconds. */
  p50: number;
  p99: number;
  /** CPU time per client by group, microseconds. */
  cpu: Usage;
  refused: Record<string, number>;
  /** The share of a core that the load client used. */
  loadCore: number;
}

/** Measures how fast clients join, with a limited number on the way at a time. */
export async function joinStorm(target: Target, sizes: Sizes): Promise<JoinStorm> {
  const count = sizes.joinStorm;
  const tickets = await ticketsFor(target.wire, "join", count);
  const [began, used, load] = [clock(), usageOf(target.groups), cpuOf(Deno.pid)];
  using joined = await joinAll(target, tickets, 5);
  const elapsed = (clock() - began) / 1_000_000;
  const { took, refused } = joined.joiners;
  return {
    clients: count,
    perSecond: count / elapsed,
    p50: took.quantile(0.5) / 1_000,
    p99: took.quantile(0.99) / 1_000,
    cpu: usedPer(used, usageOf(target.groups), count),
    refused,
    loadCore: (cpuOf(Deno.pid) - load) / elapsed / 1_000_000,
  };
}
