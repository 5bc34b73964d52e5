/**
 * The disasters that `deno task drill` can practise on the system that `start` runs on this machine.
 *
 * @module
 */

/** How long a stalled process stands still, milliseconds. */
const STALL_MS = 5_000;

/** A disaster. */
export interface Drill {
  /** What happens, for people. */
  what: string;
  /** The processes that it may strike: those with this name, or this name and a number. */
  process: string;
  /** Kills with SIGKILL, or stops for {@link STALL_MS} with SIGSTOP. */
  how: "kill" | "stall";
}

const drill = (process: string, how: Drill["how"]): Drill => ({
  what: how === "kill" ? `kill -9 of ${process}` : `${process} stands still for 5 s`,
  process,
  how,
});

/** Every drill, by name. */
export const DRILLS: Readonly<Record<string, Drill>> = {
  gateway: drill("gateway", "kill"),
  nats: drill("nats", "kill"),
  persistence: drill("persistence", "kill"),
  rooms: drill("rooms", "kill"),
  auth: drill("auth", "kill"),
  "gateway-stall": drill("gateway", "stall"),
  "nats-stall": drill("nats", "stall"),
  "persistence-stall": drill("persistence", "stall"),
};

/** Returns the processes that a drill may strike, by name. */
export function candidates(drill: Drill, pids: Readonly<Record<string, number>>): string[] {
  return Object.keys(pids).filter((name) => name.replace(/-\d+$/, "") === drill.process);
}

/**
 * Kills a process, or stops it for a while. Resolves when it is killed, or runs again.
 *
 * @throws {Deno.errors.NotFound} if there is no such process
 */
export async function strike({ how }: Drill, pid: number): Promise<void> {
  if (how === "kill") return Deno.kill(pid, "SIGKILL");
  Deno.kill(pid, "SIGSTOP");
  try {
    await new Promise((resolve) => setTimeout(resolve, STALL_MS));
  } finally {
    Deno.kill(pid, "SIGCONT");
  }
}
