/**
 * The log: the JetStream stream that stores every message, and the durable consumer that feeds the
 * archive. Works with nats-server 2.9 and newer.
 *
 * @module
 */
import {
  AckPolicy,
  type ConsumerInfo,
  DeliverPolicy,
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import {
  ARCHIVE_CONSUMER,
  DUPLICATE_WINDOW_MS,
  MAX_FRAME_BYTES,
  messageSubject,
  ROOMS_STREAM,
  ROOMS_STREAM_REPUBLISHED,
  ROOMS_STREAM_SUBJECT,
} from "../contract/mod.ts";
import { epochOf } from "../kit/mod.ts";

/** JetStream's error codes for a missing stream, a missing consumer, and a name in use. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NAME_IN_USE = 10058;

/**
 * Largest message the log accepts, bytes including headers. A gateway's messages are at most about
 * half a frame. A service's may be larger, but each must fit into a page of history, even if
 * JSON.stringify makes it four times as long (1e20 becomes 100000000000000000000).
 */
export const MAX_MESSAGE_BYTES = 2 * MAX_FRAME_BYTES;

/**
 * The `max_msg_size` that closes the log: no event is small enough for it, bytes. See
 * `limit_stream_size.ts`.
 */
export const CLOSED_MAX_MESSAGE_BYTES = 1;

/**
 * How long an instance may hold a message before JetStream redelivers it to another, milliseconds.
 * After a crash of an instance the archive stalls for this long, so it is shorter than a reader
 * waits (2 s). A batch takes milliseconds. A slower one is archived twice, which changes nothing.
 */
const ACK_WAIT_MS = 1_000;

/** Most unacked messages that all instances together may hold. */
const MAX_ACK_PENDING = 20_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** The limits of the log. */
export interface LogLimits {
  /** Maximum age of a message, seconds. */
  maxAge: number;
  /** Maximum size of the stream, bytes. */
  maxBytes: number;
}

/** The progress of the log and its archive. */
export interface LogProgress {
  epoch: string;
  /** Everything up to this seq is archived or no longer in the log. */
  floor: number;
  /** The seq of the log's last message. */
  last: number;
}

/**
 * Creates the stream if it is missing. Otherwise updates the settings that this service owns, and
 * leaves an operator's own ones.
 *
 * @throws {Error} if an existing stream does not republish, which NATS cannot change
 * @throws {JetStreamApiError} if JetStream refuses
 */
export async function ensureRoomsStream(
  manager: JetStreamManager,
  limits: LogLimits,
): Promise<StreamInfo> {
  const wanted = {
    subjects: [ROOMS_STREAM_SUBJECT],
    // New: a full log refuses messages. Old would drop messages that are acked to clients but not
    // yet archived.
    discard: DiscardPolicy.New,
    max_bytes: limits.maxBytes,
    max_age: limits.maxAge * 1_000 * NANOSECONDS_PER_MS,
    max_msg_size: MAX_MESSAGE_BYTES,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
    allow_direct: true,
  };
  const republish = { src: ROOMS_STREAM_SUBJECT, dest: ROOMS_STREAM_REPUBLISHED };
  let info: StreamInfo;
  try {
    info = await manager.streams.info(ROOMS_STREAM);
  } catch (error) {
    if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    try {
      return await manager.streams.add({
        ...wanted,
        name: ROOMS_STREAM,
        storage: StorageType.File,
        retention: RetentionPolicy.Limits,
        republish,
      });
    } catch (error) {
      // Another instance was faster, possibly with other limits.
      if (!hasCode(error, STREAM_NAME_IN_USE)) throw error;
      info = await manager.streams.info(ROOMS_STREAM);
    }
  }
  const { config } = info;
  if (config.republish?.src !== republish.src || config.republish.dest !== republish.dest) {
    throw new Error(
      `the stream ${ROOMS_STREAM} does not republish ${republish.src} as ${republish.dest}, and ` +
        `NATS cannot change that: delete the stream, and this service creates it again`,
    );
  }
  // Do not reopen a closed log here. Only the size check knows when to.
  if (config.max_msg_size === CLOSED_MAX_MESSAGE_BYTES) {
    wanted.max_msg_size = CLOSED_MAX_MESSAGE_BYTES;
  }
  const same = Object.entries(wanted).every(([key, value]) =>
    JSON.stringify(config[key as keyof StreamConfig]) === JSON.stringify(value)
  );
  return same ? info : await manager.streams.update(ROOMS_STREAM, wanted);
}

/**
 * Creates the durable consumer if it is missing. Otherwise updates the settings that this service
 * owns.
 */
export async function ensureArchiveConsumer(manager: JetStreamManager): Promise<ConsumerInfo> {
  return await manager.consumers.add(ROOMS_STREAM, {
    durable_name: ARCHIVE_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
    max_ack_pending: MAX_ACK_PENDING,
  });
}

/** Deletes and recreates the consumer, so that JetStream delivers everything in the log again. */
export async function restartArchiveConsumer(manager: JetStreamManager): Promise<ConsumerInfo> {
  try {
    await manager.consumers.delete(ROOMS_STREAM, ARCHIVE_CONSUMER);
  } catch (error) {
    if (!hasCode(error, CONSUMER_NOT_FOUND)) throw error;
  }
  return await ensureArchiveConsumer(manager);
}

/**
 * Purges a room's messages up to a seq from the log, after retention deleted them from the archive.
 */
export async function purgeRoom(
  manager: JetStreamManager,
  room: string,
  upTo: number,
): Promise<void> {
  await manager.streams.purge(ROOMS_STREAM, { filter: messageSubject(room), seq: upTo + 1 });
}

/**
 * Reads the progress of the log and its archive, and the stream's state.
 *
 * @throws {JetStreamApiError} if the stream or the consumer does not exist
 */
export async function readProgress(
  manager: JetStreamManager,
): Promise<LogProgress & { stream: StreamInfo }> {
  // Read the stream first. A message that is later not pending for the consumer was archived, or is
  // no longer in the log.
  const stream = await manager.streams.info(ROOMS_STREAM);
  const consumer = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
  const { last_seq: last } = stream.state;
  let floor = consumer.ack_floor.stream_seq;
  if (consumer.num_ack_pending === 0) {
    // The ack floor lags behind if messages were deleted or expired before they were delivered.
    floor = Math.max(floor, consumer.delivered.stream_seq);
    if (consumer.num_pending === 0) floor = Math.max(floor, last);
  }
  return { epoch: epochOf(String(stream.created)), floor, last, stream };
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
