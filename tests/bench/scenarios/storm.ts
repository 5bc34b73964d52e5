/**
 * A connect storm.
 *
 * @module
 */
import { clock } from "../clock.ts";
import { cpuOf, usageOf } from "../processes.ts";
import { type Connection, Swarm } from "../swarm.ts";
import { handshake, type Target } from "../targets.ts";
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
  const requests = await Promise.all(
    Array.from({ length: sizes.storm }, (_, index) => handshake(`storm-${index}`)),
  );
  using swarm = new Swarm();
  const authenticated = new Set<Connection>();
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) authenticated.add(connection);
  };
  const [began, used, load] = [clock(), usageOf(target.groups), cpuOf(Deno.pid)];
  await swarm.openAll(
    sizes.storm,
    (index) => swarm.open(target.port, requests[index]!),
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
