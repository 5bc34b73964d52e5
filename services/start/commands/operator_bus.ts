/**
 * The connection of the operator's commands to the bus: of the system that `start` runs on this
 * machine, or of NATS_URL.
 *
 * @module
 */
import * as z from "zod";
import {
  type Bus,
  connectBus,
  createLogger,
  NATS_CONFIG,
  natsOptions,
  readConfig,
} from "../../kit/mod.ts";
import { seedFile } from "../nats_users.ts";
import { RunFile } from "../run_file.ts";

/** The user of NATS that these commands are. */
const USER = "operator";

/**
 * Connects to NATS_URL if it is set, with the credentials of the other `NATS_` variables, in which
 * `{service}` stands for `operator`. Otherwise connects to the system whose `run.json` is in the data
 * folder.
 *
 * @throws {Error} if there is neither
 */
export async function connectOperator(): Promise<Bus> {
  if (!Deno.env.get("NATS_URL")) return await connectTo(await urlOfRun());
  const config = readConfig(
    z.object(NATS_CONFIG),
    (name) => Deno.env.get(name)?.replaceAll("{service}", USER),
  );
  return await connect(config);
}

/** Connects to a server that the start command runs on the data folder. */
export async function connectTo(url: string): Promise<Bus> {
  return await connect({ NATS_URL: url, NATS_NKEY_FILE: seedFile(keysFolder(), USER) });
}

/** The folder with the keys of the users of NATS. */
export function keysFolder(): string {
  return `${Deno.env.get("DATA_DIR") ?? ".data"}/nats-users`;
}

async function connect(config: Parameters<typeof natsOptions>[0]): Promise<Bus> {
  const log = createLogger(USER, { level: "error", format: "text" });
  return await connectBus({ options: natsOptions(config, USER), name: USER, log });
}

async function urlOfRun(): Promise<string> {
  const path = `${Deno.env.get("DATA_DIR") ?? ".data"}/run.json`;
  try {
    return RunFile.parse(JSON.parse(await Deno.readTextFile(path))).natsUrl;
  } catch {
    throw new Error(`no running system: ${path} cannot be read. Start one, or set NATS_URL`);
  }
}

/**
 * Runs a command: prints its error as one line, and ends the process with 1. `open` opens the
 * connection.
 */
export async function runCommand(
  command: (bus: Bus) => Promise<number>,
  open: () => Promise<Bus> = connectOperator,
): Promise<never> {
  try {
    const bus = await open();
    const code = await command(bus);
    await bus.drain();
    Deno.exit(code);
  } catch (error) {
    // deno-lint-ignore no-console
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
