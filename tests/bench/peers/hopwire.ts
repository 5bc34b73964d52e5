/**
 * Hopwire itself, started as the tests start it.
 *
 * @module
 */
import { freePort } from "../../harness/ports.ts";
import { NO_QUOTAS, startSystem } from "../../harness/system.ts";
import { until } from "../../harness/wait.ts";
import { pin } from "../processes.ts";
import type { Target, TargetOptions } from "../target.ts";
import { HOPWIRE_WIRE } from "../wires/hopwire_wire.ts";

/** The state of a listening socket in /proc/net/tcp. */
const LISTENING = "0A";

/** Starts Hopwire: nats-server, one instance of each service, and `gateways` gateways on a port. */
export async function startHopwire(options: TargetOptions): Promise<Target> {
  const port = freePort();
  const { gateways = 1 } = options;
  const system = await startSystem({
    gateways,
    env: {
      all: { LOG_LEVEL: "warn", ...options.env },
      // The bench measures the message path, not the limits: it has few users and one address.
      gateway: {
        PORT: String(port),
        REUSE_PORT: String(gateways > 1),
        RATE_FRAMES_PER_SECOND: "1000000",
        RATE_BURST: "1000000",
        ...NO_QUOTAS,
      },
    },
  });
  // The gateways share a port, so that an answer of one says nothing about the others.
  await until("all gateways to listen", () => listeners(port) === gateways || undefined);
  const pids = (services: { process: { pid: number } }[]) =>
    services.map(({ process }) => process.pid);
  const groups = {
    gateway: pids(system.gateways),
    nats: [system.nats.process.pid],
    services: pids([...system.auths, ...system.rooms, ...system.persistences]),
  };
  await pin(Object.values(groups).flat(), options.cores);
  return {
    name: "hopwire",
    ports: [port],
    groups,
    wire: HOPWIRE_WIRE,
    resumes: true,
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

/** Returns how many sockets listen on a port. */
function listeners(port: number): number {
  const hex = port.toString(16).toUpperCase().padStart(4, "0");
  return Deno.readTextFileSync("/proc/net/tcp").split("\n").filter((line) => {
    const [, local, , state] = line.trim().split(/\s+/);
    return local?.endsWith(`:${hex}`) && state === LISTENING;
  }).length;
}
