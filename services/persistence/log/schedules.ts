/**
 * The stream with which the instances of services agree on who runs a tick of a schedule. It is made here,
 * because a service that may create a stream may let it capture any subject.
 *
 * @module
 */
import { DiscardPolicy, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { DUPLICATE_WINDOW_MS, SCHEDULES_STREAM, SCHEDULES_SUBJECT } from "../../contract/mod.ts";
import type { Replication } from "../../kit/mod.ts";

/** JetStream's error code for a name in use. */
const STREAM_NAME_IN_USE = 10058;

/** How long a tick is kept, milliseconds. Nobody reads it; JetStream knows it for its window. */
const TICK_AGE_MS = 3_600_000;

/** The most schedules of all services, and the largest tick, bytes. */
const MAX_SCHEDULES = 10_000;
const MAX_TICK_BYTES = 1_024;

const NANOSECONDS_PER_MS = 1_000_000;

/** Creates the stream unless it is there. Throws if JetStream refuses. */
export async function ensureSchedulesStream(
  manager: JetStreamManager,
  replication: Replication,
): Promise<void> {
  try {
    await replication.create(manager, {
      name: SCHEDULES_STREAM,
      description: "Hopwire: ticks of services' schedules",
      subjects: [SCHEDULES_SUBJECT],
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      max_msgs: MAX_SCHEDULES,
      max_msg_size: MAX_TICK_BYTES,
      max_age: TICK_AGE_MS * NANOSECONDS_PER_MS,
      duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
    });
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NAME_IN_USE) throw error;
    // It exists with another number of replicas, or an operator has changed it.
    await replication.apply(manager, await manager.streams.info(SCHEDULES_STREAM));
  }
}
