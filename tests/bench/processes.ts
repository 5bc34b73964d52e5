/**
 * Where the processes under test run, and what they use: CPU time and memory, from /proc.
 *
 * @module
 */

/** Clock ticks of /proc a second: 100 on every Linux of today. */
const TICKS = 100;

/** CPU microseconds that each group of processes has used so far, by name. */
export type Usage = Record<string, number>;

/** Processes by what they are. */
export type Groups = Record<string, number[]>;

/** The cores that this process may run on. */
export function allowedCores(): number[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const list = /Cpus_allowed_list:\s+(\S+)/.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((part) => {
    const [first, last] = part.split("-").map(Number) as [number, number?];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** Ties processes (with all their threads) to one core. */
export async function pin(pids: number[], core: number): Promise<void> {
  for (const pid of pids) {
    const { success, stderr } = await new Deno.Command("taskset", {
      args: ["-a", "-p", "-c", String(core), String(pid)],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`taskset: ${new TextDecoder().decode(stderr).trim()}`);
  }
}

/** What each group has used so far. */
export function usageOf(groups: Groups): Usage {
  const usage: Usage = {};
  for (const [name, pids] of Object.entries(groups)) {
    usage[name] = pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  }
  return usage;
}

/** CPU microseconds of one process so far. */
export function cpuOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  // utime and stime, the 14th and 15th of proc(5); the first two are gone.
  return (Number(fields[11]) + Number(fields[12])) * 1_000_000 / TICKS;
}

/** Resident bytes of one process. */
export function rssOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024;
}
