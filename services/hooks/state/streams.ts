/**
 * The streams of webhooks: creates them, and changes their limits.
 *
 * @module
 */
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  jetstreamManager,
  RetentionPolicy,
  StorageType,
} from "@nats-io/jetstream";
import type { MsgHdrs } from "@nats-io/transport-node";
import {
  DUPLICATE_WINDOW_MS,
  HOOK_DEAD_SUBJECTS,
  HOOK_STATE_SUBJECTS,
  HOOK_SUBJECTS,
  HOOKS_DEAD_STREAM,
  HOOKS_STATE_STREAM,
  HOOKS_STREAM,
} from "../../contract/mod.ts";
import { type Bus, Replication, replicationOf } from "../../kit/mod.ts";
import type { HooksConfig } from "../config.ts";

/** JetStream's codes. */
export const STREAM_NOT_FOUND = 10059;
const STREAM_NAME_IN_USE = 10058;

/** How long one answer of JetStream may take, milliseconds. */
const TIMEOUT_MS = 3_000;

/** The most bytes of the stream with the state: five million users in rooms take about half of it. */
const STATE_BYTES = 1_073_741_824;

const NANOSECONDS_PER_S = 1_000_000_000;
const NANOSECONDS_PER_MS = 1_000_000;

/** Returns a client of JetStream's API. */
export function managerOf(bus: Bus): Promise<JetStreamManager> {
  return jetstreamManager(bus.nats, { checkAPI: false, timeout: TIMEOUT_MS });
}

/** Whether JetStream refused something with one of these codes. */
export function hasCode(error: unknown, ...codes: number[]): boolean {
  return error instanceof JetStreamApiError && codes.includes(error.code);
}

/**
 * Whether a message was published to this stream by a user who may. No other stream can hold such a message, so
 * no consumer can have delivered one to the subject, as services may let theirs do.
 */
export function isOwn(headers: MsgHdrs | undefined, stream: string): boolean {
  return headers?.get("Nats-Expected-Stream") === stream;
}

/** Creates the three streams, or changes the limits and replicas of existing ones. */
export async function ensureStreams(bus: Bus, config: HooksConfig): Promise<void> {
  const manager = await managerOf(bus);
  const ensure = (wanted: Wanted) =>
    ensureStream(
      manager,
      new Replication(bus, { ...replicationOf(config), owner: "hooks" }),
      wanted,
    );
  await ensure({
    name: HOOKS_STREAM,
    description: "Hopwire: events of presence for webhooks",
    subjects: [...HOOK_SUBJECTS],
    max_age: config.HOOKS_MAX_AGE * NANOSECONDS_PER_S,
    max_bytes: config.HOOKS_MAX_BYTES,
  });
  await ensure({
    name: HOOKS_DEAD_STREAM,
    description: "Hopwire: events of webhooks that were given up",
    subjects: [HOOK_DEAD_SUBJECTS],
    max_age: config.HOOKS_DEAD_MAX_AGE * NANOSECONDS_PER_S,
    max_bytes: config.HOOKS_DEAD_MAX_BYTES,
  });
  await ensure({
    name: HOOKS_STATE_STREAM,
    description: "Hopwire: what webhooks have told",
    subjects: [HOOK_STATE_SUBJECTS],
    max_age: 0,
    max_bytes: STATE_BYTES,
    max_msgs_per_subject: 1,
  });
}

interface Wanted {
  name: string;
  description: string;
  subjects: string[];
  max_age: number;
  max_bytes: number;
  max_msgs_per_subject?: number;
}

/** How long a message is known by its id, nanoseconds: JetStream refuses more than the age. */
function duplicateWindow({ max_age: age }: Wanted): number {
  const window = DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS;
  return age === 0 ? window : Math.min(window, age);
}

async function ensureStream(
  manager: JetStreamManager,
  replication: Replication,
  wanted: Wanted,
): Promise<void> {
  try {
    const info = await manager.streams.info(wanted.name);
    const { config } = await replication.apply(manager, info);
    if (config.max_age === wanted.max_age && config.max_bytes === wanted.max_bytes) return;
    await manager.streams.update(wanted.name, {
      max_age: wanted.max_age,
      max_bytes: wanted.max_bytes,
      duplicate_window: duplicateWindow(wanted),
    });
  } catch (error) {
    if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    await replication.create(manager, {
      ...wanted,
      storage: StorageType.File,
      retention: RetentionPolicy.Limits,
      discard: DiscardPolicy.Old,
      duplicate_window: duplicateWindow(wanted),
      deny_purge: true,
    }).catch((error) => {
      // Another instance was faster.
      if (!hasCode(error, STREAM_NAME_IN_USE)) throw error;
    });
  }
}
