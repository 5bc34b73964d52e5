/**
 * The peers of the bench by name: Hopwire, and what people would choose instead.
 *
 * @module
 */
import { findOnPath } from "../../services/start/nats_server.ts";
import { prepareBaseline, startBaseline } from "./peers/baseline.ts";
import { prepareBun, startBun } from "./peers/bun.ts";
import { prepareCentrifugo, startCentrifugo } from "./peers/centrifugo.ts";
import { startHopwire } from "./peers/hopwire.ts";
import type { Target, TargetOptions } from "./target.ts";

/** Every peer, in execution order. */
export const PEERS = ["hopwire", "baseline", "centrifugo", "centrifugo-redis", "bun"] as const;
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

/** What a peer needs and how it is prepared. */
interface Recipe {
  stores: boolean;
  scales: boolean;
  /** Programs that must be on the PATH. */
  needs: string[];
  /** Installs what else it needs, and returns how to start it. May build if `install` is true. */
  prepare(install: boolean): Promise<Peer["start"]>;
}

const RECIPES: Record<PeerName, Recipe> = {
  hopwire: {
    stores: true,
    scales: true,
    needs: [],
    prepare: () => Promise.resolve(startHopwire),
  },
  baseline: {
    stores: true,
    scales: true,
    needs: ["node", "npm", "redis-server"],
    async prepare() {
      const folder = await prepareBaseline();
      return (options) => startBaseline(folder, options);
    },
  },
  centrifugo: {
    stores: true,
    scales: false,
    needs: [],
    async prepare(install) {
      const program = await prepareCentrifugo(install);
      return (options) => startCentrifugo(program, "memory", options);
    },
  },
  "centrifugo-redis": {
    stores: true,
    scales: true,
    needs: ["redis-server"],
    async prepare(install) {
      const program = await prepareCentrifugo(install);
      return (options) => startCentrifugo(program, "redis", options);
    },
  },
  bun: {
    stores: false,
    scales: false,
    needs: ["npm"],
    async prepare() {
      const program = await prepareBun();
      return (options) => startBun(program, options);
    },
  },
};

/**
 * Prepares a peer. Returns one line that says why it cannot run if it cannot. With `install` it may
 * take minutes to build its programs.
 */
export async function preparePeer(name: PeerName, install: boolean): Promise<Peer | string> {
  const { stores, scales, needs, prepare } = RECIPES[name];
  const missing: string[] = [];
  for (const program of needs) if (await findOnPath(program) === null) missing.push(program);
  if (missing.length > 0) return `${missing.join(", ")} not found`;
  try {
    return { name, stores, scales, start: await prepare(install) };
  } catch (error) {
    return (error as Error).message;
  }
}
