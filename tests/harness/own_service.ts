/**
 * A service of one's own as a process, for tests: with the permissions that the start command gives it.
 *
 * @module
 */
import type { Declaration } from "../../services/kit/mod.ts";
import { probe } from "../../services/start/probe.ts";
import { flagsOfOwn } from "../../services/start/own/run_own.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { ROOT } from "./root.ts";
import type { System } from "./system.ts";
import { until } from "./wait.ts";

/** How long a service may take to start, milliseconds. */
const START_MS = 60_000;

/** Options of {@link startOwnService}. */
export interface OwnServiceOptions {
  /** The program, from the root of the repository; that in services/ by default. */
  main?: string;
  /** Variables beside those with which it connects to NATS. */
  env?: Record<string, string>;
  /** More flags of `deno run`. */
  flags?: string[];
}

/**
 * Starts an instance of a service and waits until it is ready. The system must know it: see the option
 * `own` of `startSystem`.
 */
export async function startOwnService(
  system: System,
  declaration: Declaration,
  options: OwnServiceOptions = {},
): Promise<ChildProcess> {
  const { name } = declaration;
  const { main = `services/${name}/main.ts`, flags = [] } = options;
  const port = freePort();
  const env: Record<string, string> = {
    ...system.natsEnv(name),
    HOST: "127.0.0.1",
    PORT: String(port),
    ...options.env,
  };
  const args = ["run", "--frozen", ...flagsOfOwn(declaration, env), ...flags, main];
  const process = startProcess(Deno.execPath(), args, { env, cwd: ROOT });
  try {
    await until(`${name} to be ready`, async () => {
      if (process.ended !== undefined) return true;
      const { ok, text } = await probe(`http://127.0.0.1:${port}/readyz`);
      if (!ok) throw new Error(text);
      return true;
    }, START_MS);
    if (process.ended !== undefined) throw new Error(`it ended with ${process.ended.code}`);
  } catch (error) {
    await process.kill();
    throw new Error(`${name} did not start:\n${process.output.join("\n")}`, { cause: error });
  }
  return process;
}
