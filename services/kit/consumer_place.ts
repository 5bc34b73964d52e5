/**
 * Asks JetStream how far a durable consumer is, and keeps there how far its reader is.
 *
 * @module
 */
import type { JetStreamManager } from "@nats-io/jetstream";
import type { LogLook } from "./log_place.ts";

const NANOSECONDS_PER_MS = 1_000_000;

/** Where an instance records how far it is, in the metadata of the consumer. Servers before 2.10 keep none. */
const PLACE = "hopwire.place";

/** Asks how far a durable consumer is, and then where its stream ends. Rejects if the server does not answer. */
export async function lookAt(
  manager: JetStreamManager,
  stream: string,
  name: string,
): Promise<LogLook> {
  const consumer = await manager.consumers.info(stream, name);
  const { state, config } = await manager.streams.info(stream);
  return {
    first: state.first_seq,
    last: state.last_seq,
    bytes: state.bytes,
    maxBytes: config.max_bytes,
    maxAgeMs: config.max_age / NANOSECONDS_PER_MS,
    delivered: consumer.delivered.stream_seq,
    acked: consumer.ack_floor.stream_seq,
    recorded: Number(consumer.config.metadata?.[PLACE]) || 0,
    deliveries: consumer.delivered.consumer_seq,
    pending: consumer.num_pending,
    unacked: consumer.num_ack_pending,
  };
}

/** Records how far the reader of a consumer is. Rejects if the server does not answer, or is older than 2.10. */
export async function recordPlace(
  manager: JetStreamManager,
  stream: string,
  name: string,
  place: number,
): Promise<void> {
  await manager.consumers.update(stream, name, { metadata: { [PLACE]: String(place) } });
}
