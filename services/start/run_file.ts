/**
 * `.data/run.json`: what runs now, for scripts; and whether a run before this one left anything.
 *
 * @module
 */
import * as z from "zod";

/** The file's content. */
export const RunFile = z.object({
  /** The demo page. */
  url: z.string(),
  websocket: z.string(),
  natsUrl: z.string(),
  /** A development token, where auth issues them. */
  token: z.string().optional(),
  /** The pid of the start command, and of each of its children by name. */
  pid: z.number().int(),
  pids: z.record(z.string(), z.number().int()),
});
export type RunFile = z.infer<typeof RunFile>;

/** Writes the file. */
export async function writeRunFile(path: string, content: RunFile): Promise<void> {
  await Deno.writeTextFile(path, JSON.stringify(content, null, 2) + "\n", { mode: 0o600 });
}

/**
 * Ends what a start command that was killed has left running.
 *
 * @returns how many processes were ended
 * @throws {Error} when the start command of that file still runs
 */
export async function endLeftovers(path: string): Promise<number> {
  let file: RunFile;
  try {
    file = RunFile.parse(JSON.parse(await Deno.readTextFile(path)));
  } catch {
    return 0;
  }
  if (file.pid !== Deno.pid && await isOurs(file.pid)) {
    throw new Error(`Hopwire runs here already (pid ${file.pid}, ${file.url})`);
  }
  let count = 0;
  for (const pid of Object.values(file.pids)) {
    if (!await isOurs(pid)) continue;
    Deno.kill(pid, "SIGTERM");
    count++;
  }
  const end = performance.now() + 10_000;
  for (const pid of Object.values(file.pids)) {
    while (await isOurs(pid) && performance.now() < end) {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  await Deno.remove(path).catch(() => {});
  return count;
}

/** Whether a process is one that a start command runs; told from its command line, on Linux alone. */
async function isOurs(pid: number): Promise<boolean> {
  try {
    const line = (await Deno.readTextFile(`/proc/${pid}/cmdline`)).replaceAll("\0", " ");
    return /services\/[a-z]+\/main\.ts/.test(line) || /nats-server.*nats\.conf/.test(line);
  } catch {
    return false;
  }
}
