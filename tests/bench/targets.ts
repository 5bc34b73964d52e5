/**
 * The targets of the bench: Hopwire as the tests start it, and the baseline. Both implement one
 * interface, so the same scenarios run against both.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { freePort, startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { SECRET, startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { type Groups, pin } from "./processes.ts";

/** The packages of the baseline, from the npm registry. */
const BASELINE_PACKAGES = ["ws@8.23.0", "redis@6.3.1"];

/** A running target. */
export interface Target extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  readonly groups: Groups;
  /** The frame that enters a room, optionally resuming from a position (see {@link positionOf}). */
  subscribe(room: string, since?: unknown): string;
  /** The frame that publishes a message. */
  message(room: string, id: string | undefined, content: string): string;
  /**
   * The position in a room's log, from the `subscribed` frame and the last `room-message` or `ack`.
   */
  positionOf(subscribed: string, last: string): unknown;
}

/** Options for starting a target. */
export interface TargetOptions {
  /** The core that all of its processes run on. */
  core: number;
  gateways?: number;
  /** Variables for all services of Hopwire. */
  env?: Record<string, string>;
}

/** Returns the WebSocket handshake request of a client with a token. */
export async function handshake(user: string): Promise<string> {
  return [
    "GET /ws HTTP/1.1",
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    `Authorization: Bearer ${await tokenFor(user)}`,
    "\r\n",
  ].join("\r\n");
}

/** Both targets use the same frames, because the bench does not compare formats. */
const FRAMES = {
  subscribe: (room: string, since?: unknown) => JSON.stringify({ type: "subscribe", room, since }),
  message(room: string, id: string | undefined, content: string): string {
    const own = id === undefined ? "" : `"id":"${id}",`;
    return `{"type":"message","room":"${room}",${own}"content":"${content}"}`;
  },
};

/** Starts Hopwire: nats-server, one instance of each service, and `gateways` gateways. */
export async function startHopwire(options: TargetOptions): Promise<Target> {
  const port = freePort();
  const system = await startSystem({
    gateways: options.gateways,
    env: {
      all: { LOG_LEVEL: "warn", ...options.env },
      // The bench measures the message path, not the rate limit.
      gateway: {
        PORT: String(port),
        RATE_FRAMES_PER_SECOND: "1000000",
        RATE_BURST: "1000000",
      },
    },
  });
  const pids = (services: { process: { pid: number } }[]) =>
    services.map(({ process }) => process.pid);
  const groups = {
    gateway: pids(system.gateways),
    nats: [system.nats.process.pid],
    services: pids([...system.auths, ...system.rooms, ...system.persistences]),
  };
  await pin(Object.values(groups).flat(), options.core);
  return {
    name: "hopwire",
    port,
    groups,
    ...FRAMES,
    positionOf: (subscribed, last) => ({
      seq: JSON.parse(last).seq,
      epoch: JSON.parse(subscribed).epoch,
    }),
    [Symbol.asyncDispose]: () => system[Symbol.asyncDispose](),
  };
}

/** Returns why the baseline cannot run, or null if it can. */
export async function baselineMissing(): Promise<string | null> {
  const missing: string[] = [];
  for (const program of ["node", "npm", "redis-server"]) {
    if (await findOnPath(program) === null) missing.push(program);
  }
  return missing.length === 0 ? null : `${missing.join(", ")} not found`;
}

/** Installs the baseline's packages into a new folder and returns it. */
export async function prepareBaseline(): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "hopwire-baseline-" });
  await Deno.copyFile(`${ROOT}tests/bench/baseline/server.mjs`, `${folder}/server.mjs`);
  const { success, stderr } = await new Deno.Command("npm", {
    args: ["install", "--no-audit", "--no-fund", "--silent", ...BASELINE_PACKAGES],
    cwd: folder,
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`npm install: ${new TextDecoder().decode(stderr)}`);
  return folder;
}

/**
 * Starts the baseline: redis-server and one Node process. `folder` comes from {@link
 * prepareBaseline}.
 */
export async function startBaseline(folder: string, options: TargetOptions): Promise<Target> {
  const [port, redisPort] = [freePort(), freePort()];
  const data = await Deno.makeTempDir({ prefix: "hopwire-redis-" });
  // An append-only file, synced every second. This matches nats-server's durability closely.
  const redis = startProcess("redis-server", [
    ...["--port", String(redisPort), "--bind", "127.0.0.1", "--dir", data],
    ...["--save", "", "--appendonly", "yes", "--appendfsync", "everysec"],
  ]);
  await until("redis-server to accept connections", async () => {
    (await Deno.connect({ hostname: "127.0.0.1", port: redisPort })).close();
    return true;
  });
  const node = startProcess("node", ["server.mjs"], {
    cwd: folder,
    env: {
      PORT: String(port),
      REDIS_URL: `redis://127.0.0.1:${redisPort}`,
      SECRET,
      NODE_ENV: "production",
    },
  });
  await node.line("listening");
  const groups = { gateway: [node.pid], redis: [redis.pid] };
  await pin(Object.values(groups).flat(), options.core);
  return {
    name: "baseline",
    port,
    groups,
    ...FRAMES,
    positionOf: (_subscribed, last) => JSON.parse(last).seq,
    async [Symbol.asyncDispose]() {
      await node.kill();
      await redis.kill();
      await Deno.remove(data, { recursive: true });
    },
  };
}
