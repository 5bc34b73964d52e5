/**
 * The disturbances of the torture: a seeded sequence of crashes, suspensions and connection losses.
 *
 * @module
 */
import type { Link } from "../harness/link.ts";
import type { System, TestService } from "../harness/system.ts";
import { clusterActions } from "./cluster_actions.ts";
import { createRandom, type Random } from "./random.ts";
import { storm } from "./storm.ts";
import type { User } from "./user.ts";

/** Shortest and longest time between two disturbances, milliseconds. */
const INTERVAL_MS = [200, 1_500] as const;

/** Shortest and longest suspension of a process, milliseconds. */
const SUSPEND_MS = [100, 4_000] as const;

/** Shortest and longest time before a killed process is restarted, milliseconds. */
const DOWN_MS = [0, 2_500] as const;

/** To how many streams of the log the torture raises their number, in its second half. */
const MAX_RAISED = 4;

/** The number of disturbances, by name. */
export type Disturbances = Record<string, number>;

/**
 * Disturbs the system until `until` (by `performance.now()`). Reports each disturbance to `say`.
 * `database` is the link to the database, if it has one.
 */
export async function disturb(
  system: System,
  users: readonly User[],
  random: Random,
  until: number,
  say: (line: string) => void,
  database?: Link,
): Promise<Disturbances> {
  const disturbances: Disturbances = {};
  const length = until - performance.now();
  const record = (name: string, more = "") => {
    disturbances[name] = (disturbances[name] ?? 0) + 1;
    say(`${name}${more}`);
  };
  const wait = (range: readonly [number, number]) =>
    new Promise<void>((resolve) => setTimeout(resolve, random.between(...range)));
  const services: TestService[] = [
    ...system.gateways,
    ...system.auths,
    ...system.rooms,
    ...system.persistences,
  ];
  const busy = new Set<object>();
  const running: Promise<void>[] = [];

  /** Runs a disturbance in the background, one at a time per process. */
  const runInBackground = (target: object, work: () => Promise<void>) => {
    busy.add(target);
    running.push(work().finally(() => busy.delete(target)));
  };

  const disturbNats = () => {
    if (busy.has(system.nats)) return;
    const name = random.pick(["kill -9 nats-server", "suspend nats-server"]);
    record(name);
    runInBackground(system.nats, async () => {
      if (name.startsWith("kill")) {
        await system.nats.kill();
        await wait(DOWN_MS);
        await system.nats.restart();
      } else {
        system.nats.process.signal("SIGSTOP");
        await wait(SUSPEND_MS);
        system.nats.process.signal("SIGCONT");
      }
    });
  };
  const ofNats = system.cluster === undefined ? [disturbNats] : clusterActions({
    system,
    random,
    database,
    record,
    busy: (target) => busy.has(target),
    run: runInBackground,
    wait,
  });

  let storms = 0;
  const actions: (() => void)[] = [
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      record(`kill -9 ${service.name}`);
      runInBackground(service, async () => {
        await service.kill();
        await wait(DOWN_MS);
        await service.restart();
      });
    },
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      record(`suspend ${service.name}`);
      runInBackground(service, async () => {
        service.process.signal("SIGSTOP");
        await wait(SUSPEND_MS);
        service.process.signal("SIGCONT");
      });
    },
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      record(`drain ${service.name}`);
      runInBackground(service, async () => {
        service.process.signal("SIGTERM");
        await service.process.status();
        await service.restart();
      });
    },
    ...ofNats,
    () => {
      const service = random.pick(system.persistences);
      const streams = 2 * Number(service.env.STREAMS ?? 1);
      // In a cluster nobody waits for the replicas of new streams before the next server is lost.
      if (system.cluster !== undefined) return;
      // Not at once, so that there is something to move.
      if (busy.has(service) || streams > MAX_RAISED || performance.now() < until - length / 2) {
        return;
      }
      record("raise STREAMS", ` (${streams})`);
      runInBackground(service, async () => {
        await service.kill();
        service.env.STREAMS = String(streams);
        await service.restart();
      });
    },
    () => {
      const count = random.between(1, users.length);
      record("cut clients", ` (${count})`);
      for (let i = 0; i < count; i++) random.pick(users).cut();
    },
    () => {
      const clients = random.between(40, 160);
      record("storm", ` (${clients})`);
      const urls = system.gateways.map((_, i) => system.url(i));
      const rooms = [...users[0]!.rooms.keys()];
      const name = `storm${storms++}`;
      running.push(storm({ urls, rooms, clients, name, random: createRandom(storms) }));
    },
    () => {
      record("cut one client");
      random.pick(users).cut();
    },
  ];
  while (performance.now() < until) {
    await wait(INTERVAL_MS);
    random.pick(actions)();
  }
  await Promise.all(running);
  return disturbances;
}
