/**
 * A room whose members all reconnect at once.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import type { Connection } from "../connection.ts";
import { openAll } from "../open_all.ts";
import { type Target, ticketsFor } from "../target.ts";
import { CONNECT_MS, connectCrowd } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The cost of catching up. */
export interface CatchUp {
  connections: number;
  missed: number;
  /** Milliseconds until a client had everything it missed: the median, and the last one. */
  p50: number;
  last: number;
  /** The number of excess or missing deliveries. */
  wrong: number;
}

/** Measures a room whose members all disconnect, miss messages, and reconnect at once. */
export async function catchUp(target: Target, sizes: Sizes): Promise<CatchUp> {
  const room = "bench.room-0";
  using crowd = await connectCrowd(target, 1, 2);
  const { swarm, connections } = crowd;
  const { wire, ports } = target;
  const [publisher] = connections as [Connection];
  const say = async (count: number) => {
    const acked = swarm.acked + count;
    for (let i = 0; i < count; i++) {
      const time = stamp(clock());
      swarm.send(publisher, wire.message(room, `${time}-x`, time));
    }
    await swarm.run("acks", () => swarm.acked >= acked, CONNECT_MS);
  };
  // The clients resume from the last message before the gap.
  let last: string | undefined;
  swarm.onDelivery = (connection, _due, text) => {
    if (connection === publisher) last = text;
  };
  await say(5);
  await swarm.run("deliveries", () => publisher.delivered === 5, CONNECT_MS);
  swarm.onDelivery = null;
  const since = wire.positionOf(crowd.subscribed[0]!, last);
  await say(sizes.missed);

  const tickets = await ticketsFor(wire, "back", sizes.returning);
  swarm.onText = (connection, text) => {
    if (wire.read(text).kind === "authenticated") {
      swarm.send(connection, wire.subscribe(room, since));
    }
  };
  const began = clock();
  const took = new Histogram();
  let longest = 0;
  const back: Connection[] = [];
  await openAll(
    swarm,
    sizes.returning,
    (index) => {
      const connection = swarm.open(ports[index % ports.length]!, tickets[index]!);
      back.push(connection);
      return connection;
    },
    ({ delivered }) => {
      if (delivered < sizes.missed) return false;
      longest = clock() - began;
      took.add(longest);
      return true;
    },
    CONNECT_MS,
  );
  return {
    connections: sizes.returning,
    missed: sizes.missed,
    p50: took.quantile(0.5) / 1_000,
    last: longest / 1_000,
    wrong: back.reduce((sum, { delivered }) => sum + Math.abs(delivered - sizes.missed), 0),
  };
}
