/**
 * Bun's publish: uWebSockets in one process, nothing stored.
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

/** The npm package that carries Bun's program. */
const PACKAGE = "bun@1.4.5";

/** Installs Bun, once, and returns its program. */
export async function prepareBun(): Promise<string> {
  return `${await installPackages("bun", [PACKAGE])}/node_modules/.bin/bun`;
}

/** Starts the Bun server. `program` comes from {@link prepareBun}. */
export async function startBun(program: string, options: TargetOptions): Promise<Target> {
  const port = freePort();
  const bun = startProcess(program, [`${ROOT}tests/bench/peers/bun_server.js`], {
    env: { PORT: String(port), SECRET, NODE_ENV: "production" },
  });
  await bun.line("listening");
  await pin([bun.pid], options.cores);
  return {
    name: "bun",
    ports: [port],
    groups: { gateway: [bun.pid] },
    wire: { ...HOPWIRE_WIRE, positionOf: () => undefined },
    resumes: false,
    [Symbol.asyncDispose]: () => bun.kill(),
  };
}
