/**
 * A room whose members all reconnect at once.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import type { Connection } from "../swarm.ts";
import { handshake, type Target } from "../targets.ts";
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
  const [publisher] = connections as [Connection];
  const say = async (count: number) => {
    const acked = swarm.acked + count;
    for (let i = 0; i < count; i++) {
      const time = stamp(clock());
      swarm.send(publisher, target.message(room, `${time}-x`, time));
    }
    await swarm.run("acks", () => swarm.acked >= acked, CONNECT_MS);
  };
  // The clients resume from the ack of the last message before the gap.
  let last = "";
  swarm.onAck = (text) => last = text;
  await say(5);
  swarm.onAck = null;
  const since = target.positionOf(crowd.subscribed[0]!, last);
  await say(sizes.missed);

  const requests = await Promise.all(
    Array.from({ length: sizes.returning }, (_, index) => handshake(`back-${index}`)),
  );
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) {
      swarm.send(connection, target.subscribe(room, since));
    }
  };
  const began = clock();
  const took = new Histogram();
  let longest = 0;
  const back: Connection[] = [];
  await swarm.openAll(
    sizes.returning,
    (index) => {
      const connection = swarm.open(target.port, requests[index]!);
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
