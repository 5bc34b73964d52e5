/**
 * The number of files that a process may open. Each connection is one, and a gateway that has none left
 * accepts no client until others leave.
 *
 * @module
 */

import type { Logger } from "../kit/mod.ts";
import type { Environment } from "./environments.ts";

/** Files that a gateway needs beside its connections, those that it refuses among them. */
const RESERVED_FILES = 500;

/** Where Linux says it. Deno raises the soft limit of a process to the hard one. */
const LIMITS = "/proc/self/limits";

/** Returns the hard limit of this process, which its children have too; null if there is none, or on other systems. */
export function openFilesLimit(limits: string = readLimits()): number | null {
  const hard = /^Max open files\s+\S+\s+(\S+)/m.exec(limits)?.[1];
  return hard === undefined || hard === "unlimited" ? null : Number(hard);
}

function readLimits(): string {
  try {
    return Deno.readTextFileSync(LIMITS);
  } catch {
    return "";
  }
}

/**
 * Returns how many connections a gateway may have: `wanted`, or what the limit allows. At least 1.
 */
export function affordableConnections(wanted: number, limit: number | null): number {
  if (limit === null) return wanted;
  return Math.max(1, Math.min(wanted, limit - RESERVED_FILES));
}

/** Lowers MAX_CONNECTIONS of a gateway's environment to what the limit allows, with a warning. */
export function limitConnections(env: Environment, wanted: number, log: Logger): void {
  const limit = openFilesLimit();
  const connections = affordableConnections(wanted, limit);
  if (connections === wanted) return;
  env.MAX_CONNECTIONS = String(connections);
  log.warn(
    `a process may open ${limit} files here, so a gateway serves ${connections} connections ` +
      `instead of ${wanted}: raise the hard limit of open files (ulimit -Hn)`,
  );
}
