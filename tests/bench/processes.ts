/**
 * Pins the processes under test to cores, and reads their CPU time and memory from /proc.
 *
 * @module
 */

/** Clock ticks of /proc per second: 100 on every current Linux. */
const TICKS = 100;

/** The CPU time each group of processes has used so far, microseconds. */
export type Usage = Record<string, number>;

/** Process ids by group. */
export type Groups = Record<string, number[]>;

/** Returns the cores that this process may run on. */
export function allowedCores(): number[] {
  const status = Deno.readTextFileSync("/proc/self/status");
  const list = /Cpus_allowed_list:\s+(\S+)/.exec(status)?.[1] ?? "0";
  return list.split(",").flatMap((part) => {
    const [first, last] = part.split("-").map(Number) as [number, number?];
    return Array.from({ length: (last ?? first) - first + 1 }, (_, index) => first + index);
  });
}

/** Pins processes, with all their threads, to cores. */
export async function pin(pids: number[], cores: number[]): Promise<void> {
  for (const pid of pids) {
    const { success, stderr } = await new Deno.Command("taskset", {
      args: ["-a", "-p", "-c", cores.join(","), String(pid)],
      stdout: "null",
      stderr: "piped",
    }).output();
    if (!success) throw new Error(`taskset: ${new TextDecoder().decode(stderr).trim()}`);
  }
}

/** Returns the CPU time each group has used so far. */
export function usageOf(groups: Groups): Usage {
  const usage: Usage = {};
  for (const [name, pids] of Object.entries(groups)) {
    usage[name] = pids.reduce((sum, pid) => sum + cpuOf(pid), 0);
  }
  return usage;
}

/** Returns the CPU time of one process so far, microseconds. */
export function cpuOf(pid: number): number {
  const fields = Deno.readTextFileSync(`/proc/${pid}/stat`).replace(/^.*\) /, "").split(" ");
  // utime and stime: fields 14 and 15 in proc(5), without the first two, which were cut off.
  return (Number(fields[11]) + Number(fields[12])) * 1_000_000 / TICKS;
}

/** Returns the resident memory of one process, bytes. */
export function rssOf(pid: number): number {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1_024;
}

/** Returns what each group used between two readings, divided by `count`. */
export function usedPer(before: Usage, after: Usage, count: number): Usage {
  return Object.fromEntries(
    Object.entries(after).map(([name, used]) => [name, (used - before[name]!) / count]),
  );
}
