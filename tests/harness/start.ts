/**
 * The start command as a process, for tests.
 *
 * @module
 */
import assert from "node:assert/strict";
import { RunFile } from "../../services/start/run_file.ts";
import { freePort } from "./ports.ts";
import { type ChildProcess, startProcess } from "./process.ts";
import { ROOT } from "./root.ts";
import { until } from "./wait.ts";

/** The time of a log line. */
export const TIME = /\d\d:\d\d:\d\d\.\d{3}/;
/** A line that the start command itself logged; its message. */
const OWN_LINE = new RegExp(`^hopwire +\\| ${TIME.source} (.*)$`);

/** A start command that is ready. */
export interface Started extends AsyncDisposable {
  process: ChildProcess;
  file: RunFile;
  folder: string;
  env: Record<string, string>;
}

/** Starts the start command. */
export function launch(env: Record<string, string>, ...args: string[]): ChildProcess {
  return launchIn(ROOT, env, ...args);
}

/** Starts the start command of another copy of the repository. */
export function launchIn(
  cwd: string,
  env: Record<string, string>,
  ...args: string[]
): ChildProcess {
  return startProcess(Deno.execPath(), ["task", "start", ...args], { env, cwd });
}

/** The level and message of each line that the start command itself logged. */
export function ownLines({ output }: ChildProcess): string[] {
  return output.flatMap((line) => OWN_LINE.exec(line)?.[1] ?? []);
}

/** Reads `run.json`. */
export const readRunFile = async (folder: string) =>
  RunFile.parse(JSON.parse(await Deno.readTextFile(`${folder}/run.json`)));

/**
 * Starts the start command on free ports, and waits until the system is ready. `cwd` may be another copy of
 * the repository.
 */
export async function startAll(more: Record<string, string> = {}, cwd = ROOT): Promise<Started> {
  const folder = more.DATA_DIR ?? await Deno.makeTempDir({ prefix: "hopwire-start-" });
  const env = {
    DATA_DIR: folder,
    PORT: String(freePort()),
    AUTH_PORT: String(freePort()),
    MONITOR_PORT: String(freePort()),
    API_PORT: String(freePort()),
    ...more,
  };
  const process = launchIn(cwd, env);
  await until("run.json", async () => {
    if (process.ended !== undefined) throw new Error(process.output.join("\n"));
    return await Deno.stat(`${folder}/run.json`);
  }, 60_000);
  // Whoever sees the file may rely on it: it is whole, and the system is ready.
  const file = await readRunFile(folder);
  assert.ok(file.token !== undefined, "run.json has no token");
  const response = await fetch(`${file.url}readyz`);
  await response.body?.cancel();
  assert.equal(response.status, 200);
  await process.line("| ready");
  return {
    process,
    file,
    folder,
    env,
    async [Symbol.asyncDispose]() {
      if (alive(file.pid)) Deno.kill(file.pid, "SIGTERM");
      await process.status(30_000);
      for (const pid of Object.values(file.pids)) if (alive(pid)) Deno.kill(pid, "SIGKILL");
      // A later start on the same folder may have removed it already.
      await Deno.remove(folder, { recursive: true }).catch(() => {});
    },
  };
}

/** Whether a process runs. */
export function alive(pid: number): boolean {
  try {
    // A zombie is dead; its parent has not noticed yet.
    return !/\) Z /.test(Deno.readTextFileSync(`/proc/${pid}/stat`));
  } catch {
    return false;
  }
}
