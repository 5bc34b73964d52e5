/**
 * Clients that come and go.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { rssOf } from "../processes.ts";
import type { Connection } from "../connection.ts";
import { Swarm } from "../swarm.ts";
import { type Target, ticketsFor } from "../target.ts";
import type { Sizes } from "./sizes.ts";

/** What churn leaves behind. */
export interface Churn {
  seconds: number;
  /** Clients that connected, published once, and disconnected. */
  clients: number;
  /** Memory of the gateways, sampled twenty times over the run, bytes. */
  rss: number[];
  /** The minimum of the last quarter divided by the minimum of the second: permanent growth. */
  growth: number;
}

/** The number of rooms that the clients enter: enough that rooms come and go, too. */
const CHURN_ROOMS = 5_000;

/** Measures clients that connect, enter a room, publish once and disconnect, without a pause. */
export async function churn(target: Target, sizes: Sizes): Promise<Churn> {
  const { wire, ports } = target;
  using swarm = new Swarm(wire);
  const rss = () => target.groups.gateway!.reduce((sum, pid) => sum + rssOf(pid), 0);
  // There are as many users as tokens. Each returns several times a minute.
  const tickets = await ticketsFor(wire, "churn", sizes.churning * 4);
  const roomOf = ({ index }: Connection) => `churn.room-${index % CHURN_ROOMS}`;
  const living: Connection[] = [];
  const done = new Set<Connection>();
  swarm.onText = (connection, text) => {
    const { kind } = wire.read(text);
    if (kind === "authenticated") swarm.send(connection, wire.subscribe(roomOf(connection)));
    else if (kind === "subscribed") {
      const time = stamp(clock());
      swarm.send(connection, wire.message(roomOf(connection), `${time}-x`, time));
      done.add(connection);
    }
  };
  let clients = 0;
  const samples: number[] = [];
  const began = clock();
  const elapsed = () => (clock() - began) / 1_000_000;
  await swarm.run("churning", () => elapsed() >= sizes.churn, sizes.churn * 1_000 + 30_000, () => {
    while (living.length < sizes.churning && living.length - done.size < 64) {
      living.push(swarm.open(ports[0]!, tickets[clients++ % tickets.length]!));
    }
    // Close the oldest clients once they have published.
    while (living.length >= sizes.churning && done.delete(living[0]!)) {
      swarm.close(living.shift()!);
    }
    if (samples.length < 20 * elapsed() / sizes.churn) samples.push(rss());
    return 1;
  });
  const least = (from: number, to: number) => Math.min(...samples.slice(from, to));
  return { seconds: sizes.churn, clients, rss: samples, growth: least(15, 20) / least(5, 10) };
}
