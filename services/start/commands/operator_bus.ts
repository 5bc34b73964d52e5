/**
 * The connection of the operator's commands to the bus: of the system that `start` runs on this
 * machine, or of NATS_URL.
 *
 * @module
 */
import { type Bus, connectBus, createLogger } from "../../kit/mod.ts";
import { RunFile } from "../run_file.ts";

/**
 * Connects to NATS_URL if it is set, otherwise to the system whose `run.json` is in the data folder.
 *
 * @throws {Error} if there is neither
 */
export async function connectOperator(): Promise<Bus> {
  return await connectTo(Deno.env.get("NATS_URL") ?? await urlOfRun());
}

/** Connects to these NATS servers. */
export async function connectTo(url: string): Promise<Bus> {
  const log = createLogger("operator", { level: "error", format: "text" });
  return await connectBus({ url, name: "operator", log });
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
 * Runs a command: prints its error as one line, and ends the process with 1. `connect` opens the
 * connection.
 */
export async function runCommand(
  command: (bus: Bus) => Promise<number>,
  connect: () => Promise<Bus> = connectOperator,
): Promise<never> {
  try {
    const bus = await connect();
    const code = await command(bus);
    await bus.drain();
    Deno.exit(code);
  } catch (error) {
    // deno-lint-ignore no-console
    console.error((error as Error).message);
    Deno.exit(1);
  }
}
