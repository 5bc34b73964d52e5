/**
 * A connect storm.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { cpuOf, usageOf } from "../processes.ts";
import type { Connection } from "../connection.ts";
import { openAll } from "../open_all.ts";
import { Swarm } from "../swarm.ts";
import { type Target, ticketsFor } from "../target.ts";
import { CONNECT_MS } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The cost of connecting. */
export interface Storm {
  connections: number;
  /** Connections opened and authenticated per second. */
  perSecond: number;
  /** CPU time per connection by group, microseconds. */
  cpu: Record<string, number>;
  loadCore: number;
}

/** Measures how fast connections open, each with its own token. */
export async function connectStorm(target: Target, sizes: Sizes): Promise<Storm> {
  const { wire, ports } = target;
  const tickets = await ticketsFor(wire, "storm", sizes.storm);
  using swarm = new Swarm(wire);
  const authenticated = new Set<Connection>();
  swarm.onText = (connection, text) => {
    if (wire.read(text).kind === "authenticated") authenticated.add(connection);
  };
  const [began, used, load] = [clock(), usageOf(target.groups), cpuOf(Deno.pid)];
  await openAll(
    swarm,
    sizes.storm,
    (index) => swarm.open(ports[index % ports.length]!, tickets[index]!),
    (connection) => authenticated.has(connection),
    CONNECT_MS,
  );
  const elapsed = (clock() - began) / 1_000_000;
  const after = usageOf(target.groups);
  const each = Object.keys(after).map((name) => [name, (after[name]! - used[name]!) / sizes.storm]);
  return {
    connections: sizes.storm,
    perSecond: sizes.storm / elapsed,
    cpu: Object.fromEntries(each),
    loadCore: (cpuOf(Deno.pid) - load) / elapsed / 1_000_000,
  };
}
