/**
 * Whether an answer of JetStream about a replicated stream comes from the leader, and whether that leader
 * still leads. A server that has lost its leader answers with its own, older copy, and names no leader. A
 * leader that was suspended, or is cut off from the others, answers as before until it notices.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";

/**
 * For how long a leader may not have heard of a replica, nanoseconds. Replicas answer its heartbeat every
 * second, and elect another leader 4 s after the last one at the earliest.
 */
const HEARD_NS = 3_000_000_000;

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
