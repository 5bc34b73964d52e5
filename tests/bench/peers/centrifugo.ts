/**
 * Centrifugo, with its memory engine or with Redis. It keeps a history to recover from, presence, and
 * tells members who joins and leaves, because Hopwire does all of that.
 *
 * @module
 */
import { findOnPath } from "../../../services/start/nats_server.ts";
import { freePort } from "../../harness/ports.ts";
import { type ChildProcess, startProcess } from "../../harness/process.ts";
import { SECRET } from "../../harness/system.ts";
import { until } from "../../harness/wait.ts";
import { pin } from "../processes.ts";
import type { Target, TargetOptions } from "../target.ts";
import { CENTRIFUGO_WIRE } from "../wires/centrifugo_wire.ts";
import { PEERS_FOLDER } from "./packages.ts";
import { type Redis, startRedis } from "./redis.ts";

/** The version to build if the environment names no program. */
const MODULE = "github.com/centrifugal/centrifugo/v6@v6.9.1";

/** Where Go is installed by default. */
const GO_FOLDER = "/usr/local/go/bin";

/** What each room keeps and tells. */
const CHANNEL_OPTIONS = {
  presence: true,
  join_leave: true,
  force_push_join_leave: true,
  history_size: 10_000,
  history_ttl: "600s",
  force_recovery: true,
  allow_subscribe_for_client: true,
  allow_publish_for_subscriber: true,
};

/** Returns Centrifugo's program, or throws with the reason why there is none. */
export async function prepareCentrifugo(install: boolean): Promise<string> {
  const named = Deno.env.get("CENTRIFUGO");
  if (named !== undefined && named !== "") {
    const { isFile } = await Deno.stat(named).catch(() => ({ isFile: false }));
    if (!isFile) throw new Error(`CENTRIFUGO=${named} is not a file`);
    return named;
  }
  const program = `${PEERS_FOLDER}centrifugo`;
  if (await Deno.stat(program).then(() => true, () => false)) return program;
  if (!install) throw new Error("it has not been built yet; `deno task bench` builds it");
  const path = `${Deno.env.get("PATH")}:${GO_FOLDER}`;
  const go = await findOnPath("go") ?? `${GO_FOLDER}/go`;
  if (!await Deno.stat(go).then(() => true, () => false)) {
    throw new Error("CENTRIFUGO names no program, and Go is not installed to build one");
  }
  const { success, stderr } = await new Deno.Command(go, {
    args: ["install", MODULE],
    env: { GOBIN: PEERS_FOLDER.replace(/\/$/, ""), PATH: path },
    stdout: "null",
    stderr: "piped",
  }).output();
  if (!success) throw new Error(`go install failed: ${lastLine(stderr)}`);
  return program;
}

/** Starts Centrifugo. `program` comes from {@link prepareCentrifugo}. */
export async function startCentrifugo(
  program: string,
  engine: "memory" | "redis",
  options: TargetOptions,
): Promise<Target> {
  const redis = engine === "redis" ? await startRedis() : null;
  const folder = await Deno.makeTempDir({ prefix: "hopwire-centrifugo-" });
  const ports = Array.from({ length: options.gateways ?? 1 }, freePort);
  const nodes: ChildProcess[] = [];
  for (const port of ports) nodes.push(await startNode(program, folder, port, redis));
  const groups: Target["groups"] = { gateway: nodes.map(({ pid }) => pid) };
  if (redis !== null) groups.redis = [redis.pid];
  await pin(Object.values(groups).flat(), options.cores);
  return {
    name: engine === "redis" ? "centrifugo-redis" : "centrifugo",
    ports,
    groups,
    wire: CENTRIFUGO_WIRE,
    resumes: true,
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.kill();
      await redis?.[Symbol.asyncDispose]();
      await Deno.remove(folder, { recursive: true });
    },
  };
}

async function startNode(
  program: string,
  folder: string,
  port: number,
  redis: Redis | null,
): Promise<ChildProcess> {
  const file = `${folder}/${port}.json`;
  const config = {
    http_server: { address: "127.0.0.1", port },
    client: { token: { hmac_secret_key: SECRET }, allowed_origins: ["*"] },
    channel: { without_namespace: CHANNEL_OPTIONS },
    engine: redis === null
      ? { type: "memory" }
      : { type: "redis", redis: { address: [redis.url] } },
    health: { enabled: true },
    log: { level: "warn" },
  };
  await Deno.writeTextFile(file, JSON.stringify(config));
  const node = startProcess(program, ["-c", file]);
  await until("centrifugo to be healthy", async () => {
    if (node.ended !== undefined) throw new Error(node.output.join("\n"));
    const response = await fetch(`http://127.0.0.1:${port}/health`);
    await response.body?.cancel();
    return response.ok || undefined;
  });
  return node;
}

function lastLine(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes).trim().split("\n").at(-1)!;
}
