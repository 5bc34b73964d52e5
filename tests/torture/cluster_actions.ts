/**
 * What happens to a cluster of three nats-servers during the torture, and to the links of services. One
 * server is disturbed at a time, and the next one when the replicas of all streams lack nothing: that is
 * what three replicas survive.
 *
 * @module
 */
import {
  ANSWERS_STREAM,
  DENIALS_STREAM,
  ROOMS_STREAM,
  SCHEDULES_STREAM,
} from "../../services/contract/mod.ts";
import type { Link } from "../harness/link.ts";
import type { System, TestService } from "../harness/system.ts";
import type { Random } from "./random.ts";

/** The streams that are replicated. */
export const REPLICATED = [ROOMS_STREAM, DENIALS_STREAM, SCHEDULES_STREAM, ANSWERS_STREAM];

/** Shortest and longest time that a server is gone, suspended or separated, milliseconds. */
const GONE_MS = [200, 8_000] as const;

/**
 * Shortest and longest time that a link is silent or cut, milliseconds. The longest is beyond what a service
 * waits for the answer to a ping.
 */
const LINK_MS = [100, 14_000] as const;

/** How a disturbance is run and reported. */
export interface Stage {
  system: System;
  random: Random;
  /** The link to the database, if it has one. */
  database?: Link;
  record(name: string, more?: string): void;
  /** Whether something happens to this target now. */
  busy(target: object): boolean;
  /** Runs a disturbance in the background; until its end the target is busy. */
  run(target: object, work: () => Promise<void>): void;
  wait(range: readonly [number, number]): Promise<void>;
}

/** Returns the disturbances of the cluster and of the links. */
export function clusterActions(stage: Stage): (() => void)[] {
  const { system, random, database, record, busy, run, wait } = stage;
  const cluster = system.cluster!;
  const how = () => random.pick(["silence", "cut"] as const);

  /** Whether a replica has not caught up, whatever an operator would do: then another loss would be too much. */
  let behind = false;
  const caughtUp = () =>
    cluster.settled(REPLICATED).catch(() => {
      behind = true;
      record("a replica stays behind, servers are left alone");
    });

  /** A disturbance of the cluster: none begins before the replicas have caught up. */
  const ofCluster = (name: string, work: () => Promise<void>) => () => {
    if (behind || busy(cluster)) return;
    record(name);
    run(cluster, async () => {
      await work();
      await caughtUp();
    });
  };
  const server = () => random.pick(cluster.servers);
  const ofLinks = (name: string, target: object, links: readonly Link[]) => {
    if (busy(target)) return;
    const way = how();
    record(`${way} ${name}`);
    run(target, async () => {
      for (const link of links) link[way]();
      await wait(LINK_MS);
      for (const link of links) link.heal();
    });
  };
  const services = (): TestService[] => [
    ...system.gateways,
    ...system.auths,
    ...system.rooms,
    ...system.persistences,
  ];
  return [
    ofCluster("kill -9 of a nats-server", async () => {
      const chosen = server();
      await chosen.kill();
      await wait(GONE_MS);
      await chosen.restart();
    }),
    ofCluster("kill -9 of the leader", async () => {
      const chosen = await cluster.leaderOf(ROOMS_STREAM);
      await chosen.kill();
      await wait(GONE_MS);
      await chosen.restart();
    }),
    ofCluster("suspend a nats-server", async () => {
      const { process } = server();
      process.signal("SIGSTOP");
      await wait(GONE_MS);
      process.signal("SIGCONT");
    }),
    ofCluster("step-down", async () => {
      for (let times = random.between(1, 3); times > 0; times--) {
        await cluster.stepDown(random.pick(REPLICATED));
      }
    }),
    ofCluster("separate a nats-server from the others", async () => {
      const chosen = random.next() < 0.5 ? server() : await cluster.leaderOf(ROOMS_STREAM);
      cluster.isolate(chosen, how());
      await wait(GONE_MS);
      cluster.heal();
    }),
    ofCluster("separate two nats-servers", async () => {
      const one = server();
      cluster.separate(one, random.pick(cluster.servers.filter((other) => other !== one)), how());
      await wait(GONE_MS);
      cluster.heal();
    }),
    ofCluster("empty the disk of a nats-server", async () => {
      const chosen = server();
      await chosen.kill();
      await wait(GONE_MS);
      await chosen.restart({ newDisk: true });
    }),
    ofCluster("rolling restart of all nats-servers", async () => {
      for (const one of cluster.servers) {
        one.process.signal("SIGTERM");
        await one.process.status();
        await one.restart();
        await caughtUp();
        if (behind) return;
      }
    }),
    () => {
      const service = random.pick(services());
      ofLinks(`${service.name} and NATS`, service, system.linksOf(service));
    },
    () => {
      const service = random.pick(services());
      ofLinks(`${service.name} and a nats-server`, service, [random.pick(system.linksOf(service))]);
    },
    () => {
      if (database !== undefined) ofLinks("persistence and the database", database, [database]);
    },
    () => {
      const rolling = services();
      if (rolling.some(busy)) return;
      record("rolling restart of all services");
      let before = Promise.resolve();
      for (const one of rolling) {
        const turn = before.then(async () => {
          one.process.signal("SIGTERM");
          await one.process.status(60_000);
          await one.restart();
          // It may start while its link is silent.
          await one.ready().catch(() => {});
        });
        before = turn;
        run(one, () => turn);
      }
    },
  ];
}
