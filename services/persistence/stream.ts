/**
 * The log: the JetStream stream that stores every message, and the durable consumer that the archive
 * is filled from. Works with nats-server 2.9 and newer.
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

/** JetStream's codes for "no such stream", "no such consumer", and a name that is taken. */
const STREAM_NOT_FOUND = 10059;
const CONSUMER_NOT_FOUND = 10014;
const STREAM_NAME_IN_USE = 10058;

/**
 * Largest message the log takes, bytes with its headers. A gateway's are at most about half a frame;
 * a service's may be larger, but each must fit in a page of history, even where JSON writes it four
 * times as long (1e20 as 100000000000000000000).
 */
export const MAX_MESSAGE_BYTES = 2 * MAX_FRAME_BYTES;

/** The value of `max_msg_size` with which the log takes no event at all; see `tend_stream.ts`. */
export const SHUT = 1;

/**
 * How long a message may be with an instance before JetStream gives it to another, milliseconds.
 * After a crash of an instance the archive stands still so long, so it is less than a reader waits
 * for the archive (2 s). A batch takes milliseconds; one that takes longer is archived twice, which
 * changes nothing.
 */
const ACK_WAIT_MS = 1_000;

/** Messages that all instances together may hold and not yet have acked. */
const MAX_ACK_PENDING = 20_000;

const NANOSECONDS_PER_MS = 1_000_000;

/** How large and old the log may grow. */
export interface LogLimits {
  /** Seconds. */
  maxAge: number;
  maxBytes: number;
}

/** How far the log and its archive are. */
export interface Progress {
  epoch: string;
  /** Everything up to this seq is archived, or is no longer to be had. */
  floor: number;
  /** The seq of the log's last message. */
  last: number;
}

/** Makes the stream where it is missing, and sets what we own of it where that differs. */
export async function ensureRoomsStream(
  manager: JetStreamManager,
  limits: LogLimits,
): Promise<StreamInfo> {
  const wanted = {
    subjects: [ROOMS_STREAM_SUBJECT],
    // New: a full log refuses messages. Old would drop those that are acked but not archived yet.
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
      // Another instance was faster, with limits of its own.
      if (!hasCode(error, STREAM_NAME_IN_USE)) throw error;
      info = await manager.streams.info(ROOMS_STREAM);
    }
  }
  const { config } = info;
  if (config.republish?.src !== republish.src || config.republish.dest !== republish.dest) {
    throw new Error(
      `the stream ${ROOMS_STREAM} does not republish ${republish.src} as ${republish.dest}, and ` +
        `NATS cannot change that: delete the stream, or rename it, and it is made anew`,
    );
  }
  // Never opened here: only who watches its size knows when.
  if (config.max_msg_size === SHUT) wanted.max_msg_size = SHUT;
  const same = Object.entries(wanted).every(([key, value]) =>
    JSON.stringify(config[key as keyof StreamConfig]) === JSON.stringify(value)
  );
  return same ? info : await manager.streams.update(ROOMS_STREAM, wanted);
}

/** Makes the durable consumer where it is missing, and sets what we own of it. */
export async function ensureArchiveConsumer(manager: JetStreamManager): Promise<ConsumerInfo> {
  return await manager.consumers.add(ROOMS_STREAM, {
    durable_name: ARCHIVE_CONSUMER,
    ack_policy: AckPolicy.Explicit,
    deliver_policy: DeliverPolicy.All,
    ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
    max_ack_pending: MAX_ACK_PENDING,
  });
}

/** Makes the consumer anew, so that everything in the log is delivered again. */
export async function restartArchiveConsumer(manager: JetStreamManager): Promise<ConsumerInfo> {
  try {
    await manager.consumers.delete(ROOMS_STREAM, ARCHIVE_CONSUMER);
  } catch (error) {
    if (!hasCode(error, CONSUMER_NOT_FOUND)) throw error;
  }
  return await ensureArchiveConsumer(manager);
}

/** Takes a room's messages up to a seq out of the log: retention took them out of the archive. */
export async function dropFromLog(
  manager: JetStreamManager,
  room: string,
  upTo: number,
): Promise<void> {
  await manager.streams.purge(ROOMS_STREAM, { filter: messageSubject(room), seq: upTo + 1 });
}

/**
 * Reads how far the log and its archive are, and the stream's own state.
 *
 * @throws {JetStreamApiError} when the stream or the consumer is not there
 */
export async function readProgress(
  manager: JetStreamManager,
): Promise<Progress & { stream: StreamInfo }> {
  // The stream first: what is not pending to the consumer later was archived, or is gone.
  const stream = await manager.streams.info(ROOMS_STREAM);
  const consumer = await manager.consumers.info(ROOMS_STREAM, ARCHIVE_CONSUMER);
  const { last_seq: last } = stream.state;
  let floor = consumer.ack_floor.stream_seq;
  if (consumer.num_ack_pending === 0) {
    // The floor stays behind where messages were deleted, or expired, before they were delivered.
    floor = Math.max(floor, consumer.delivered.stream_seq);
    if (consumer.num_pending === 0) floor = Math.max(floor, last);
  }
  return { epoch: epochOf(String(stream.created)), floor, last, stream };
}

function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
