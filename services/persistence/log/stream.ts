/**
 * The log: the JetStream streams that store every message. Works with nats-server 2.9 and newer.
 *
 * @module
 */
import {
  DiscardPolicy,
  JetStreamApiError,
  type JetStreamManager,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
  type StreamInfo,
} from "@nats-io/jetstream";
import {
  DUPLICATE_WINDOW_MS,
  MAX_FRAME_BYTES,
  parentOf,
  ROOMS_STREAM,
  ROOMS_STREAM_REPUBLISHED,
  ROOMS_STREAM_SUBJECT,
  roomsStream,
  streamCountOf,
  streamSubjects,
} from "../../contract/mod.ts";
import { descriptionOfStream, type Replication } from "../../kit/mod.ts";

/** JetStream's error codes for a missing stream, a missing consumer, and a name in use. */
export const STREAM_NOT_FOUND = 10059;
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

const NANOSECONDS_PER_MS = 1_000_000;

/** One stream of the log, and what reaches it. */
export interface LogStream {
  manager: JetStreamManager;
  name: string;
  /** Its number, from 0. */
  index: number;
  /** How many streams the log has, as this one counts. It doubles when the stream is divided. */
  count: number;
}

/** Returns a stream of a log of `count` streams. */
export function logStream(manager: JetStreamManager, index = 0, count = 1): LogStream {
  return { manager, name: roomsStream(index), index, count };
}

/** The limits of each stream of the log. */
export interface LogLimits {
  /** Maximum age of a message, seconds. */
  maxAge: number;
  /** Maximum size of the stream, bytes. */
  maxBytes: number;
}

/** A message as the log stores it. */
export interface LogMessage {
  subject: string;
  seq: number;
  /** When the log stored the message, milliseconds since 1970. */
  storedAt: number;
  /** The same in nanoseconds, decimal. */
  time: string;
  data: Uint8Array;
}

/**
 * Creates a stream if it is missing. Otherwise updates the settings that this service owns, and
 * leaves an operator's own ones. With `options.closed`, a new stream accepts no messages yet.
 *
 * @throws {Error} if an existing stream does not republish, which NATS cannot change, or if the stream
 * from which it takes rooms has not given them up
 * @throws {JetStreamApiError} if JetStream refuses
 */
export async function ensureRoomsStream(
  place: LogStream,
  limits: LogLimits,
  options: { closed?: boolean; replication?: Replication } = {},
): Promise<StreamInfo> {
  const { manager, name, index, count } = place;
  const { storage, retention, republish, name: _, ...wanted } = configOfStream(place, limits);
  // The first stream comes first: it tells everybody how many there are.
  if (index > 0) await manager.streams.info(ROOMS_STREAM);
  let info: StreamInfo;
  try {
    info = await manager.streams.info(name);
  } catch (error) {
    if (!hasCode(error, STREAM_NOT_FOUND)) throw error;
    try {
      const config = {
        ...wanted,
        ...(options.closed ? { max_msg_size: CLOSED_MAX_MESSAGE_BYTES } : {}),
        name,
        description: descriptionOfStream(),
        storage,
        retention,
        republish,
      };
      return await (options.replication?.create(manager, config) ?? manager.streams.add(config));
    } catch (error) {
      // Another instance was faster, possibly with other limits.
      if (!hasCode(error, STREAM_NAME_IN_USE)) throw error;
      info = await manager.streams.info(name);
    }
  }
  const { config } = info;
  if (config.republish?.src !== republish.src || config.republish.dest !== republish.dest) {
    throw new Error(
      `the stream ${name} does not republish ${republish.src} as ${republish.dest}, and ` +
        `NATS cannot change that: delete the stream, and this service creates it again`,
    );
  }
  // It is being divided.
  if (streamCountOf(config.subjects) > count) wanted.subjects = config.subjects;
  if (!isOpen(info) && index > 0) {
    const parent = roomsStream(parentOf(index)!);
    const { config: { subjects } } = await manager.streams.info(parent);
    if (streamCountOf(subjects) < count) {
      throw new Error(`${parent} still has the rooms of ${name}`);
    }
  }
  // Do not reopen a closed log here. Only the size check knows when to.
  if (config.max_msg_size === CLOSED_MAX_MESSAGE_BYTES) {
    wanted.max_msg_size = CLOSED_MAX_MESSAGE_BYTES;
  }
  const same = Object.entries(wanted).every(([key, value]) =>
    JSON.stringify(config[key as keyof StreamConfig]) === JSON.stringify(value)
  );
  if (!same) info = await manager.streams.update(name, wanted);
  return await options.replication?.apply(manager, info) ?? info;
}

/** Returns the settings of a stream that this service owns. */
export function configOfStream({ name, index, count }: LogStream, limits: LogLimits) {
  return {
    name,
    storage: StorageType.File,
    retention: RetentionPolicy.Limits,
    republish: { src: ROOMS_STREAM_SUBJECT, dest: ROOMS_STREAM_REPUBLISHED },
    subjects: streamSubjects(index, count),
    // New: a full log refuses messages. Old would drop messages that are acked to clients but not
    // yet archived.
    discard: DiscardPolicy.New,
    max_bytes: limits.maxBytes,
    max_age: limits.maxAge * 1_000 * NANOSECONDS_PER_MS,
    max_msg_size: MAX_MESSAGE_BYTES,
    duplicate_window: DUPLICATE_WINDOW_MS * NANOSECONDS_PER_MS,
    // Gateways of earlier releases read with it. It may be answered by a replica that lags behind.
    allow_direct: true,
  };
}

/** Whether a stream stores messages of rooms: not while another one is being divided for it. */
export function isOpen({ config }: Pick<StreamInfo, "config">): boolean {
  return config.subjects.some((subject) => subject.startsWith("room.message."));
}

/**
 * Returns how many streams the log has, as its first stream says; null if there is none.
 *
 * @throws {JetStreamApiError} if JetStream refuses
 */
export async function countOfLog(manager: JetStreamManager): Promise<number | null> {
  try {
    return streamCountOf((await manager.streams.info(ROOMS_STREAM)).config.subjects);
  } catch (error) {
    if (hasCode(error, STREAM_NOT_FOUND)) return null;
    throw error;
  }
}

/** JetStream's code for "no message with this seq". */
const NO_MESSAGE_FOUND = 10037;

/** Writes a new epoch into the stream's description, for everybody who follows the log. */
export async function writeEpoch(
  { manager, name }: LogStream,
  epoch: string,
): Promise<StreamInfo> {
  return await manager.streams.update(name, {
    description: descriptionOfStream(epoch),
  });
}

/**
 * Moves an empty stream's end, so that its next message gets the seq after `last`. The log is closed
 * meanwhile: a message stored before the purge would be deleted by it. (A purge up to a seq that is
 * not reached yet works on 2.9 too, where a stream cannot be created with a first seq.)
 *
 * @returns the stream; unchanged if it is no longer empty
 */
export async function continueAfter(
  { manager, name }: LogStream,
  last: number,
): Promise<StreamInfo> {
  await manager.streams.update(name, { max_msg_size: CLOSED_MAX_MESSAGE_BYTES });
  const { state } = await manager.streams.info(name);
  if (state.messages === 0) await manager.streams.purge(name, { seq: last + 1 });
  return await manager.streams.update(name, { max_msg_size: MAX_MESSAGE_BYTES });
}

/**
 * Reads one message from the log by its seq, or the first one at or after it. Asks the leader, which
 * cannot be behind.
 *
 * @returns null if there is none
 */
export async function readMessage(
  { manager, name }: LogStream,
  seq: number,
  orLater = false,
): Promise<LogMessage | null> {
  try {
    const query = orLater ? { seq, next_by_subj: ROOMS_STREAM_SUBJECT } : { seq };
    const stored = await manager.streams.getMessage(name, query);
    if (stored === null) return null;
    const { subject, seq: found, data } = stored;
    const time = nanoseconds(stored.timestamp);
    return { subject, seq: found, storedAt: Number(time / 1_000_000n), time: String(time), data };
  } catch (error) {
    if (hasCode(error, NO_MESSAGE_FOUND)) return null;
    throw error;
  }
}

/** Deletes the consumer of versions that archived with acknowledgements. */
export async function deleteOldConsumer({ manager, name }: LogStream): Promise<void> {
  try {
    await manager.consumers.delete(name, "archive");
  } catch (error) {
    if (!hasCode(error, CONSUMER_NOT_FOUND)) throw error;
  }
}

/** Converts RFC 3339 in UTC, as NATS writes it, to nanoseconds since 1970. */
function nanoseconds(timestamp: string): bigint {
  const [seconds = "", fraction = ""] = timestamp.replace(/Z$/, "").split(".");
  return BigInt(Date.parse(seconds + "Z")) * 1_000_000n + BigInt(fraction.padEnd(9, "0"));
}

/** Whether an error is JetStream's with this code. */
export function hasCode(error: unknown, code: number): boolean {
  return error instanceof JetStreamApiError && error.code === code;
}
