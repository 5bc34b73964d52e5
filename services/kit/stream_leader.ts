/**
 * Whether an answer of JetStream about a replicated stream comes from the leader, and whether that leader
 * still leads. A server that has lost its leader answers with its own, older copy, and names no leader. A
 * leader that was suspended, or is cut off from the others, answers as before until it notices.
 *
 * @module
 */
import {
  type JetStreamManager,
  jetstreamManager,
  type JetStreamManagerOptions,
  type StreamInfo,
} from "@nats-io/jetstream";
import type { Bus } from "./bus.ts";

/**
 * For how long a leader may not have heard of a replica, nanoseconds. Replicas answer its heartbeat every
 * second, and elect another leader 4 s after the last one at the earliest.
 */
const HEARD_NS = 3_000_000_000;

/**
 * For how long a leader must repeat that its stream ends earlier than it did before, and how often it is asked,
 * milliseconds. One that has just been elected may not have applied yet what the one before it had stored.
 */
const SETTLE_MS = 5_000;
const SETTLE_READ_MS = 500;

/** The part of a stream's information that tells. */
export type Replicas = {
  config: { num_replicas?: number };
  cluster?: { leader?: string; replicas?: { active?: number; offline?: boolean }[] } | null;
};

/**
 * Returns who answered about a stream. `leader`: what it said was the truth a moment ago. `cut off`: a leader
 * that most replicas do not answer, so that they may have elected another one. `none`: a server that knows no
 * leader. A stream with one replica is always led.
 *
 * @example
 * ```ts
 * import { leadership } from "./stream_leader.ts";
 * import assert from "node:assert/strict";
 * const config = { num_replicas: 3 };
 * const replicas = [{ active: 400_000_000 }, { active: 9_000_000_000 }];
 * assert.equal(leadership({ config, cluster: { leader: "n1", replicas } }), "leader");
 * assert.equal(leadership({ config, cluster: { replicas } }), "none");
 * ```
 */
export function leadership({ config, cluster }: Replicas): "leader" | "cut off" | "none" {
  const count = config.num_replicas ?? 1;
  if (count <= 1 || !cluster) return "leader";
  if (!cluster.leader) return "none";
  // 0: it has never heard of that one.
  const heard = (cluster.replicas ?? []).filter(({ active = 0, offline }) =>
    !offline && active > 0 && active < HEARD_NS
  );
  return heard.length >= Math.floor(count / 2) ? "leader" : "cut off";
}

/** Whether an answer about a stream is the truth: see {@link leadership}. */
export function isFromLeader(info: StreamInfo): boolean {
  return leadership(info) === "leader";
}

/**
 * Returns a manager of JetStream whose `streams.info` believes leaders alone, and else throws. `timeout` is
 * that of a request, milliseconds.
 */
export async function managerOfLeaders(
  bus: Bus,
  { timeout }: Pick<JetStreamManagerOptions, "timeout"> = {},
): Promise<JetStreamManager> {
  const manager = await jetstreamManager(bus.nats, { checkAPI: false, timeout });
  const { streams } = manager;
  const info = streams.info.bind(streams);
  streams.info = async (...args) => {
    const found = await info(...args);
    if (isFromLeader(found)) return found;
    throw new Error(`the stream ${args[0]} has no leader that its replicas answer`);
  };
  return manager;
}

/**
 * Reads a replicated stream, about which `info` says something doubtful, until it no longer does, or its leader
 * has repeated it for five seconds (`settleMs`). A stream with one replica is believed at once.
 *
 * @returns the last answer
 * @throws {Error} if the leader changes meanwhile, or is not reached
 */
export async function settledInfo(
  manager: { streams: Pick<JetStreamManager["streams"], "info"> },
  info: StreamInfo,
  isDoubtful: (info: StreamInfo) => boolean | Promise<boolean>,
  { settleMs = SETTLE_MS, readMs = SETTLE_READ_MS } = {},
): Promise<StreamInfo> {
  const { config: { name, num_replicas }, cluster } = info;
  const end = performance.now() + (num_replicas > 1 ? settleMs : 0);
  let last = info;
  while (await isDoubtful(last) && performance.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, readMs));
    last = await manager.streams.info(name);
    if (last.cluster?.leader !== cluster?.leader) {
      throw new Error(`the stream ${name} has another leader, which may know more`);
    }
  }
  return last;
}
