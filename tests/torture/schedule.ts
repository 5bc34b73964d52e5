/**
 * What the torture does to the system: a seeded sequence of crashes, stops and cuts.
 *
 * @module
 */
import type { System, TestService } from "../harness/system.ts";
import type { Random } from "./random.ts";
import type { User } from "./user.ts";

/** Waits between two disturbances, milliseconds. */
const PAUSE_MS = [200, 1_500] as const;

/** How long a process is stopped, and how long one that was killed stays away, milliseconds. */
const STOP_MS = [100, 4_000] as const;
const AWAY_MS = [0, 2_500] as const;

/** What was done, how often. */
export type Deeds = Record<string, number>;

/** Disturbs the system until the time is over. `say` gets a line for each thing that is done. */
export async function disturb(
  system: System,
  users: readonly User[],
  random: Random,
  until: number,
  say: (line: string) => void,
): Promise<Deeds> {
  const deeds: Deeds = {};
  const did = (deed: string, more = "") => {
    deeds[deed] = (deeds[deed] ?? 0) + 1;
    say(`${deed}${more}`);
  };
  const wait = (range: readonly [number, number]) =>
    new Promise((resolve) => setTimeout(resolve, random.between(...range)));
  const services: TestService[] = [
    ...system.gateways,
    ...system.auths,
    ...system.rooms,
    ...system.persistences,
  ];
  const busy = new Set<object>();
  const running: Promise<void>[] = [];

  /** Runs a deed beside others, one at a time for each process. */
  const apart = (target: object, work: () => Promise<void>) => {
    busy.add(target);
    running.push(work().finally(() => busy.delete(target)));
  };

  const actions: (() => void)[] = [
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      did(`kill -9 ${service.name}`);
      apart(service, async () => {
        await service.kill();
        await wait(AWAY_MS);
        await service.restart();
      });
    },
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      did(`stop ${service.name}`);
      apart(service, async () => {
        service.process.signal("SIGSTOP");
        await wait(STOP_MS);
        service.process.signal("SIGCONT");
      });
    },
    () => {
      const service = random.pick(services);
      if (busy.has(service)) return;
      did(`drain ${service.name}`);
      apart(service, async () => {
        service.process.signal("SIGTERM");
        await service.process.status();
        await service.restart();
      });
    },
    () => {
      if (busy.has(system.nats)) return;
      const deed = random.pick(["kill -9 nats-server", "stop nats-server"]);
      did(deed);
      apart(system.nats, async () => {
        if (deed.startsWith("kill")) {
          await system.nats.kill();
          await wait(AWAY_MS);
          await system.nats.restart();
        } else {
          system.nats.process.signal("SIGSTOP");
          await wait(STOP_MS);
          system.nats.process.signal("SIGCONT");
        }
      });
    },
    () => {
      const count = random.between(1, users.length);
      did("cut clients", ` (${count})`);
      for (let i = 0; i < count; i++) random.pick(users).cut();
    },
    () => {
      did("cut one client");
      random.pick(users).cut();
    },
  ];
  while (performance.now() < until) {
    await wait(PAUSE_MS);
    random.pick(actions)();
  }
  await Promise.all(running);
  return deeds;
}
