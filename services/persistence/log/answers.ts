/**
 * The stream with which the instances of the HTTP API do a request once. It is made here, because a service
 * that may create a stream may let it capture any subject.
 *
 * @module
 */
import { DiscardPolicy, JetStreamApiError, type JetStreamManager } from "@nats-io/jetstream";
import { ANSWERS_STREAM, ANSWERS_SUBJECT, DUPLICATE_WINDOW_MS } from "../../contract/mod.ts";
import type { Replication } from "../../kit/mod.ts";

/** JetStream's error code for a name in use. */
const STREAM_NAME_IN_USE = 10058;

/**
 * The size of the stream, bytes. The API takes no new requests before it is full. A small answer takes about
 * half a kilobyte, so this is enough for 2,000 requests a second with an `Idempotency-Key`.
 */
const MAX_BYTES = 128 * 1024 * 1024;

const NANOSECONDS_PER_MS = 1_000_000;

/** Creates the stream unless it is there. Throws if JetStream refuses. */
export async function ensureAnswersStream(
  manager: JetStreamManager,
  replication: Replication,
): Promise<void> {
  try {
    await replication.create(manager, {
      name: ANSWERS_STREAM,
      description: "Hopwire: answers to requests of back-ends that are to be done once",
      subjects: [ANSWERS_SUBJECT],
      discard: DiscardPolicy.Old,
      max_msgs_per_subject: 1,
      max_bytes: MAX_BYTES,
      // As long as messages are known by their ids.
      max_age: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
      duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
      deny_delete: true,
      deny_purge: true,
    });
  } catch (error) {
    if (!(error instanceof JetStreamApiError) || error.code !== STREAM_NAME_IN_USE) throw error;
    // It exists with another number of replicas, or an operator has changed it.
    await replication.apply(manager, await manager.streams.info(ANSWERS_STREAM));
  }
}
