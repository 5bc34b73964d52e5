/**
 * Durable publishing.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import { usageOf } from "../processes.ts";
import type { Target } from "../target.ts";
import { connectCrowd } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The cost of storing messages. */
export interface Publish {
  perSecond: number;
  p50: number;
  p99: number;
  cpu: Record<string, number>;
}

/** Measures publishers alone in their rooms, each with ten unacked messages at any time. */
export async function durablePublish(target: Target, sizes: Sizes): Promise<Publish> {
  using crowd = await connectCrowd(target, sizes.publishers, 1);
  const { swarm, connections } = crowd;
  const names = connections.map(crowd.roomOf);
  const inFlight = 10 * sizes.publishers;
  let n = 0;
  const work = () => {
    while (n - swarm.acked < inFlight) {
      const connection = connections[n % connections.length]!;
      const time = stamp(clock());
      const id = `${time}-${(n++).toString(36)}`;
      if (!swarm.send(connection, target.wire.message(names[connection.index]!, id, time))) break;
    }
    return 1;
  };
  const phase = async (seconds: number) => {
    const end = clock() + seconds * 1_000_000;
    await swarm.run("publishing", () => clock() >= end, seconds * 1_000 + 30_000, work);
  };
  await phase(Math.max(1, sizes.seconds / 4));
  const histogram = swarm.ackLatency = new Histogram();
  const [began, acked, used] = [clock(), swarm.acked, usageOf(target.groups)];
  await phase(sizes.seconds);
  const count = swarm.acked - acked;
  const elapsed = (clock() - began) / 1_000_000;
  const after = usageOf(target.groups);
  return {
    perSecond: count / elapsed,
    p50: histogram.quantile(0.5) / 1_000,
    p99: histogram.quantile(0.99) / 1_000,
    cpu: Object.fromEntries(
      Object.keys(after).map((name) => [name, (after[name]! - used[name]!) / count]),
    ),
  };
}
