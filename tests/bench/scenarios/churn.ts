/**
 * Clients that come and go.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { rssOf } from "../processes.ts";
import { type Connection, Swarm } from "../swarm.ts";
import { handshake, type Target } from "../targets.ts";
import type { Sizes } from "./sizes.ts";

/** What coming and going leaves behind. */
export interface Churn {
  seconds: number;
  /** Clients that came, spoke once, and went. */
  clients: number;
  /** Bytes of the gateway, twenty times over the run. */
  rss: number[];
  /** The least of the last quarter beside the least of the second: what stays, as a ratio. */
  growth: number;
}

/** Rooms that churning clients enter: so many that rooms, too, come and go. */
const CHURN_ROOMS = 5_000;

/** Clients that come, enter a room, say something and go again, without a pause. */
export async function churn(target: Target, sizes: Sizes): Promise<Churn> {
  using swarm = new Swarm();
  const rss = () => target.groups.gateway!.reduce((sum, pid) => sum + rssOf(pid), 0);
  // Users come back: as many as there are tokens, each several times a minute.
  const requests = await Promise.all(
    Array.from({ length: sizes.churning * 4 }, (_, index) => handshake(`churn-${index}`)),
  );
  const roomOf = ({ index }: Connection) => `churn.room-${index % CHURN_ROOMS}`;
  const living: Connection[] = [];
  const done = new Set<Connection>();
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) {
      swarm.send(connection, target.subscribe(roomOf(connection)));
    } else if (text.startsWith('{"type":"subscribed"')) {
      const time = stamp(clock());
      swarm.send(connection, target.message(roomOf(connection), `${time}-x`, time));
      done.add(connection);
    }
  };
  let clients = 0;
  const samples: number[] = [];
  const began = clock();
  const elapsed = () => (clock() - began) / 1_000_000;
  await swarm.run("churning", () => elapsed() >= sizes.churn, sizes.churn * 1_000 + 30_000, () => {
    while (living.length < sizes.churning && living.length - done.size < 64) {
      living.push(swarm.open(target.port, requests[clients++ % requests.length]!));
    }
    // The oldest go once they have spoken.
    while (living.length >= sizes.churning && done.delete(living[0]!)) {
      swarm.close(living.shift()!);
    }
    if (samples.length < 20 * elapsed() / sizes.churn) samples.push(rss());
    return 1;
  });
  const least = (from: number, to: number) => Math.min(...samples.slice(from, to));
  return { seconds: sizes.churn, clients, rss: samples, growth: least(15, 20) / least(5, 10) };
}
