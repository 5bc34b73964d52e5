/**
 * The peers of the bench by name: Hopwire, and what people would choose instead.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { prepareBaseline, startBaseline } from "./peers/baseline.ts";
import { startHopwire } from "./peers/hopwire.ts";
import type { Target, TargetOptions } from "./target.ts";

/** Every peer, in execution order. */
export const PEERS = ["hopwire", "baseline"] as const;
export type PeerName = typeof PEERS[number];

/** A peer whose programs are there. */
export interface Peer {
  name: PeerName;
  /** Whether it stores messages. */
  stores: boolean;
  /** Whether several of its processes can serve the same rooms. */
  scales: boolean;
  start(options: TargetOptions): Promise<Target>;
}

/**
 * Prepares a peer. Returns one line that says why it cannot run if it cannot. With `install` it may
 * take minutes to build its programs.
 */
export async function preparePeer(name: PeerName, _install: boolean): Promise<Peer | string> {
  if (name === "hopwire") return { name, stores: true, scales: true, start: startHopwire };
  const missing = await missingOf(["node", "npm", "redis-server"]);
  if (missing !== null) return missing;
  const folder = await prepareBaseline();
  return { name, stores: true, scales: true, start: (options) => startBaseline(folder, options) };
}

/** Returns which programs are missing, or null. */
async function missingOf(programs: string[]): Promise<string | null> {
  const missing: string[] = [];
  for (const program of programs) if (await findOnPath(program) === null) missing.push(program);
  return missing.length === 0 ? null : `${missing.join(", ")} not found`;
}
