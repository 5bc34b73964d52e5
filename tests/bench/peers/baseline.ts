/**
 * The baseline: npm `ws` on Node with Redis, as a tutorial would build it.
 *
 * @module
 */
import { freePort } from "../../harness/ports.ts";
import { startProcess } from "../../harness/process.ts";
import { ROOT } from "../../harness/root.ts";
import { SECRET } from "../../harness/system.ts";
import { pin } from "../processes.ts";
import type { Target, TargetOptions } from "../target.ts";
import { HOPWIRE_WIRE } from "../wires/hopwire_wire.ts";
import { installPackages } from "./packages.ts";
import { startRedis } from "./redis.ts";

/** The packages of the baseline, from the npm registry. */
const PACKAGES = ["ws@8.23.0", "redis@6.3.1"];

/** Installs the baseline's packages, once, and returns the folder of its server. */
export async function prepareBaseline(): Promise<string> {
  const folder = await installPackages("baseline", PACKAGES);
  await Deno.copyFile(`${ROOT}tests/bench/peers/baseline_server.mjs`, `${folder}/server.mjs`);
  return folder;
}

/** Starts the baseline. `folder` comes from {@link prepareBaseline}. */
export async function startBaseline(folder: string, options: TargetOptions): Promise<Target> {
  const redis = await startRedis();
  const ports = Array.from({ length: options.gateways ?? 1 }, freePort);
  const nodes = ports.map((port) =>
    startProcess("node", ["server.mjs"], {
      cwd: folder,
      env: { PORT: String(port), REDIS_URL: redis.url, SECRET, NODE_ENV: "production" },
    })
  );
  for (const node of nodes) await node.line("listening");
  const groups = { gateway: nodes.map(({ pid }) => pid), redis: [redis.pid] };
  await pin(Object.values(groups).flat(), options.cores);
  return {
    name: "baseline",
    ports,
    groups,
    wire: { ...HOPWIRE_WIRE, positionOf: (_, last) => last && JSON.parse(last).seq },
    resumes: true,
    async [Symbol.asyncDispose]() {
      for (const node of nodes) await node.kill();
      await redis[Symbol.asyncDispose]();
    },
  };
}
