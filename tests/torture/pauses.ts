/**
 * Measures for how long acknowledgements and deliveries pause when one of three nats-servers is gone.
 *
 * @module
 */
import { ROOMS_STREAM } from "../../services/contract/mod.ts";
import type { ClusterServer, NatsCluster } from "../harness/nats_cluster.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { REPLICATED } from "./cluster_actions.ts";
import { createRandom } from "./random.ts";
import { User } from "./user.ts";

const ROOM = "lobby";

/** Users on each of two gateways, and the time between two messages of all of them, milliseconds. */
const USERS = 4;
const PUBLISH_MS = 10;

/** How often each user checks for messages to resend, milliseconds. */
const TICK_MS = 250;

/** How long a server stays away, milliseconds: longer than any pause. */
const GONE_MS = 25_000;

/** How long everything may take to be back, milliseconds. */
const RECOVERY_MS = 60_000;

/** How a server goes, and how it comes back. */
interface Loss {
  name: string;
  choose(cluster: NatsCluster): Promise<ClusterServer>;
  go(cluster: NatsCluster, server: ClusterServer): Promise<void>;
  back(cluster: NatsCluster, server: ClusterServer): Promise<void>;
}

const kill = {
  go: (_: NatsCluster, server: ClusterServer) => server.kill(),
  back: (_: NatsCluster, server: ClusterServer) => server.restart(),
};

const suspend = {
  go: (_: NatsCluster, server: ClusterServer) => server.process.stop(),
  back: (_: NatsCluster, server: ClusterServer) =>
    Promise.resolve(server.process.signal("SIGCONT")),
};

const separate = {
  go: (cluster: NatsCluster, server: ClusterServer) =>
    Promise.resolve(cluster.isolate(server, "silence")),
  back: (cluster: NatsCluster) => Promise.resolve(cluster.heal()),
};

const leader = (cluster: NatsCluster) => cluster.leaderOf(ROOMS_STREAM);
const follower = (cluster: NatsCluster) => cluster.followerOf(ROOMS_STREAM);

const LOSSES: readonly Loss[] = [
  { name: "kill -9 of the leader", choose: leader, ...kill },
  { name: "kill -9 of a follower", choose: follower, ...kill },
  { name: "the leader stops answering (SIGSTOP)", choose: leader, ...suspend },
  { name: "a follower stops answering (SIGSTOP)", choose: follower, ...suspend },
  { name: "the leader is separated from the others", choose: leader, ...separate },
];

/** The longest pause of one gateway's users after a loss, milliseconds. */
export interface Pause {
  name: string;
  acks: number;
  deliveries: number;
}

/** Measures each loss `rounds` times; the worst gateway counts. */
export async function measurePauses(
  { natsServer, rounds, say }: {
    natsServer?: string;
    rounds: number;
    say: (line: string) => void;
  },
): Promise<Pause[]> {
  await using system = await startSystem({
    cluster: true,
    gateways: 2,
    auths: 2,
    rooms: 2,
    persistences: 2,
    natsServer,
  });
  const cluster = system.cluster!;
  const groups = [0, 1].map((gateway) =>
    Array.from(
      { length: USERS },
      (_, i) =>
        new User(`u${gateway}${i}`, [ROOM], [system.url(gateway)], createRandom(gateway * 10 + i)),
    )
  );
  const users = groups.flat();
  let next = 0;
  const timers = [
    setInterval(() => users.forEach((user) => user.tick()), TICK_MS),
    setInterval(() => users[next++ % users.length]!.publish(), PUBLISH_MS),
  ];
  const back = () =>
    until(
      "all acks",
      () => users.every((user) => user.settled && user.unacked <= USERS),
      RECOVERY_MS,
    );
  const longest = (times: number[], from: number, to: number) => {
    const inside = times.filter((at) => at >= from && at <= to).sort((a, b) => a - b);
    return [...inside, to].reduce((most, at, i) => Math.max(most, at - (inside[i - 1] ?? from)), 0);
  };
  const pauses: Pause[] = [];
  try {
    await Promise.all(users.map((user) => user.connect()));
    for (const { name, choose, go, back: comeBack } of LOSSES) {
      const pause = { name, acks: 0, deliveries: 0 };
      for (let round = 0; round < rounds; round++) {
        await cluster.settled(REPLICATED);
        await back();
        const server = await choose(cluster);
        const from = performance.now();
        await go(cluster, server);
        await new Promise((resolve) => setTimeout(resolve, GONE_MS));
        const to = performance.now();
        await comeBack(cluster, server);
        for (const group of groups) {
          const acks = group.flatMap(({ sent }) => sent.map(({ ackedAt }) => ackedAt));
          const seen = group.flatMap(({ rooms }) => rooms.get(ROOM)!.seen.map(({ at }) => at!));
          pause.acks = Math.max(pause.acks, longest(acks, from, to));
          pause.deliveries = Math.max(pause.deliveries, longest(seen, from, to));
        }
      }
      say(
        `${name}: acks pause for ${Math.round(pause.acks)} ms, ` +
          `deliveries for ${Math.round(pause.deliveries)} ms`,
      );
      pauses.push(pause);
    }
    return pauses;
  } finally {
    timers.forEach(clearInterval);
    users.forEach((user) => user.stop());
  }
}
