/**
 * `deno task drill NAME ...`, or `deno task drill all`: practises disasters on the system that `start` runs
 * on this machine. While clients talk it kills or stops a process, and tells how long they waited, and
 * whether anything was lost. The exit code is 1 if something was, or if the system did not recover.
 *
 * @module
 */
import { errorText } from "../../../kit/mod.ts";
import { printLine, printUsageError } from "../../output.ts";
import { RunFile } from "../../run_file.ts";
import { candidates, type Drill, DRILLS, strike } from "./drills.ts";
import { type Outcome, startProbe, type Waits } from "./probe.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

/** How long a system may take to recover, milliseconds. */
const RECOVERY_MS = 60_000;

const USAGE = `usage: deno task drill ${Object.keys(DRILLS).join("|")}|all ...`;

/** How a drill went. */
export interface DrillResult extends Waits, Outcome {
  /** From the disaster until a message, a newcomer and a page of history that began after it were served, milliseconds. */
  recovered: number;
}

/** The columns of the table: title, and what a result has there. */
const COLUMNS: [title: string, cell: (result: DrillResult) => string][] = [
  ["acked", ({ acked }) => String(acked)],
  ["lost", ({ lost }) => String(lost)],
  ["twice", ({ twice }) => String(twice)],
  ["ack", ({ ack }) => seconds(ack)],
  ["delivery", ({ delivery }) => seconds(delivery)],
  ["newcomer", ({ newcomer }) => seconds(newcomer)],
  ["history", ({ history }) => seconds(history)],
  ["normal after", ({ recovered }) => seconds(recovered)],
];

/** Reads `run.json` of the data folder. Throws if no system runs there. */
async function runningSystem(): Promise<RunFile> {
  const path = `${Deno.env.get("DATA_DIR") ?? ".data"}/run.json`;
  try {
    return RunFile.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch {
    throw new Error(`no running system: ${path} cannot be read. Run deno task start`);
  }
}

/**
 * Practises one disaster.
 *
 * @throws {Error} if no system runs, if it issues no development tokens, or if it does not recover
 */
export async function runDrill(drill: Drill): Promise<DrillResult> {
  const { url, token, pids } = await runningSystem();
  if (token === undefined) {
    throw new Error("a drill needs a development token: start with AUTH_DEV_TOKENS=true");
  }
  const [name] = candidates(drill, pids);
  if (name === undefined) throw new Error(`no process ${drill.process} runs on this machine`);
  const room = `drill.${crypto.randomUUID().slice(0, 8)}`;
  await using probe = await startProbe(url, token, room);
  probe.begin();
  const began = performance.now();
  await strike(drill, pids[name]!);
  const signal = AbortSignal.timeout(RECOVERY_MS);
  try {
    if (drill.how === "kill") await restarted(name, pids[name]!, signal);
    await probe.served(signal);
  } catch (error) {
    throw new Error(`the system did not recover within ${seconds(RECOVERY_MS)}`, { cause: error });
  }
  const recovered = performance.now() - began;
  const waits = { ...probe.waits };
  return { ...waits, ...await probe.settle(), recovered };
}

/** Waits until the start command has restarted a process. */
async function restarted(name: string, pid: number, signal: AbortSignal): Promise<void> {
  while ((await runningSystem()).pids[name] === pid) {
    signal.throwIfAborted();
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function seconds(ms: number): string {
  return `${(ms / 1_000).toFixed(1)} s`;
}

/** One line of the table. */
function line(what: string, cells: readonly string[]): string {
  return [
    what.padEnd(34),
    ...cells.map((cell, i) => cell.padStart(Math.max(6, COLUMNS[i]![0].length))),
  ].join("  ");
}

if (import.meta.main) {
  const names = Deno.args.includes("all") ? Object.keys(DRILLS) : Deno.args;
  const unknown = names.find((name) => !Object.hasOwn(DRILLS, name));
  if (names.length === 0 || unknown !== undefined) {
    printUsageError(unknown === undefined ? USAGE : `${unknown}: no such drill\n${USAGE}`);
    Deno.exit(EXIT_USAGE);
  }
  let failed = false;
  printLine(line("", COLUMNS.map(([title]) => title)));
  for (const name of names) {
    const drill = DRILLS[name]!;
    try {
      const result = await runDrill(drill);
      printLine(line(drill.what, COLUMNS.map(([, cell]) => cell(result))));
      failed ||= result.lost > 0 || result.twice > 0;
    } catch (error) {
      printLine(`${drill.what}: ${errorText(error)}`);
      failed = true;
    }
  }
  Deno.exit(failed ? 1 : 0);
}
