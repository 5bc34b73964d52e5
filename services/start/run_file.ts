/**
 * Two files in the data folder tell what runs. `run.json` is for scripts: it appears when the
 * system is ready, with the addresses, a token and the process ids. `pids.json` is for the next
 * start command: it exists from the beginning, so that processes of a run that was killed can be
 * found and stopped. Both are replaced atomically and removed at the end.
 *
 * @module
 */
import * as z from "zod";

/** The content of `run.json`. */
export const RunFile = z.object({
  /** The address of the demo page. */
  url: z.string(),
  /** The address of the WebSocket. */
  websocket: z.string(),
  /** The NATS servers, without credentials. */
  natsUrl: z.string(),
  /** The address of monitor; missing when it does not run. */
  monitor: z.string().optional(),
  /** The address of the HTTP API; missing when it does not run. */
  api: z.string().optional(),
  /** A key for it; missing when API_KEYS_FILE is set or it does not run. */
  apiKey: z.string().optional(),
  /** A development token; missing when the auth service issues none. */
  token: z.string().optional(),
  /** The process id of the start command. */
  pid: z.number().int(),
  /** The process ids of its children, by name. */
  pids: z.record(z.string(), z.number().int()),
});
/** The content of `run.json`. */
export type RunFile = z.infer<typeof RunFile>;

/** The content of `pids.json`. */
export const PidsFile = RunFile.pick({ url: true, pid: true, pids: true });
/** The content of `pids.json`. */
export type PidsFile = z.infer<typeof PidsFile>;

/** How long leftover processes may take to exit, milliseconds. */
const LEFTOVERS_MS = 10_000;

/** How long to wait before looking for leftovers again, milliseconds. */
const LOOK_AGAIN_MS = 50;

/** The variable that every child of a run has; its value is the data folder. */
const MARK = "HOPWIRE_RUN";

/** The environment by which the next start command knows a child of a run with this data folder. */
function markOf(folder: string): Record<string, string> {
  return { [MARK]: Deno.realPathSync(folder) };
}

/** What is known when the system is ready. */
type Addresses = Pick<
  RunFile,
  "websocket" | "natsUrl" | "monitor" | "api" | "apiKey" | "token"
>;

/** The files of one run. */
export interface RunFiles {
  /** The path of `run.json`. */
  readonly path: string;
  /** Variables that every child must get, so that the next start command finds it. */
  readonly mark: Record<string, string>;
  /** Records a child's process id; a restarted child replaces its old one. */
  setPid(name: string, pid: number): void;
  /** Writes `run.json`. */
  setReady(addresses: Addresses): void;
  /** Removes both files. */
  remove(): void;
}

/** Creates `pids.json` and returns the files of this run. `url` is the address of the demo page. */
export function createRunFiles(folder: string, url: string): RunFiles {
  const path = `${folder}/run.json`;
  const pidsPath = `${folder}/pids.json`;
  const pids: Record<string, number> = {};
  let ready: Addresses | undefined;
  let removed = false;
  // Synchronous, so that two writes cannot overtake each other.
  const save = () => {
    if (removed) return;
    writeFile(pidsPath, { url, pid: Deno.pid, pids } satisfies PidsFile);
    if (ready) writeFile(path, { url, ...ready, pid: Deno.pid, pids } satisfies RunFile);
  };
  removeFile(path);
  save();
  return {
    path,
    mark: markOf(folder),
    setPid(name, pid) {
      pids[name] = pid;
      save();
    },
    setReady(addresses) {
      ready = addresses;
      save();
    },
    remove() {
      removed = true;
      removeFile(path);
      removeFile(pidsPath);
    },
  };
}

/** Replaces a file, which only its owner may read, in one step. */
function writeFile(path: string, content: object): void {
  const temporary = `${path}.tmp`;
  Deno.writeTextFileSync(temporary, JSON.stringify(content, null, 2) + "\n", { mode: 0o600 });
  Deno.renameSync(temporary, path);
}

function removeFile(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

/**
 * Stops the processes that a killed start command left running.
 *
 * @returns the number of processes that were stopped
 * @throws {Error} when the start command of that run is still running
 */
export async function stopLeftovers(folder: string): Promise<number> {
  let file: PidsFile;
  try {
    file = PidsFile.parse(JSON.parse(await Deno.readTextFile(`${folder}/pids.json`)));
  } catch {
    return 0;
  }
  if (file.pid !== Deno.pid && await isHopwire(file.pid)) {
    throw new Error(
      `Hopwire already runs with DATA_DIR=${folder} (pid ${file.pid}, ${file.url}); stop it, or set DATA_DIR`,
    );
  }
  const stopped = new Set<number>();
  const end = performance.now() + LEFTOVERS_MS;
  // A run may have been killed while it started a child. That one is recorded nowhere, and has its mark only
  // a moment after it was made: so look again while anything is found.
  let candidates = [...Object.values(file.pids), ...await markedProcesses(folder)];
  while (candidates.length > 0) {
    const running: number[] = [];
    for (const pid of new Set(candidates)) if (await isHopwire(pid)) running.push(pid);
    for (const pid of running) {
      if (stopped.has(pid)) continue;
      stopped.add(pid);
      Deno.kill(pid, "SIGTERM");
    }
    if (performance.now() >= end) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
    candidates = [...running, ...await markedProcesses(folder)];
  }
  return stopped.size;
}

/** The processes that carry the mark of a run with this data folder. Works on Linux only. */
async function markedProcesses(folder: string): Promise<number[]> {
  const [entry] = Object.entries(markOf(folder)).map(([name, value]) => `${name}=${value}`);
  const found: number[] = [];
  try {
    for await (const { name } of Deno.readDir("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid) || pid === Deno.pid) continue;
      const environment = await Deno.readTextFile(`/proc/${pid}/environ`).catch(() => "");
      if (environment.split("\0").includes(entry!)) found.push(pid);
    }
  } catch {
    // There is no /proc: only recorded processes are found.
  }
  return found;
}

/** Whether a process belongs to a start command, judged by its command line. Works on Linux only. */
async function isHopwire(pid: number): Promise<boolean> {
  try {
    const line = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ");
    return /services\/[a-z0-9_-]+\/main\.ts/.test(line) || /nats-server.*nats\.conf/.test(line);
  } catch {
    return false;
  }
}
