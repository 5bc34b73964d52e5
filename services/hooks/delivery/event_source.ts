/**
 * What an endpoint reads: the messages of the log, and the events that hooks has derived. Each with a durable
 * consumer of its own, so that an endpoint that is slow or down delays no other.
 *
 * @module
 */
import { AckPolicy, DeliverPolicy } from "@nats-io/jetstream";
import * as z from "zod";
import {
  HEADERS,
  hookReplaySubject,
  HOOKS_STREAM,
  matchesRoom,
  RoomEvent,
  roomOfSubject,
  ROOMS_STREAM,
  ROOMS_STREAMS,
  roomsStream,
  type WebhookEndpoint,
  WebhookEvent,
} from "../../contract/mod.ts";
import {
  type Bus,
  childrenOfStream,
  doneWithParent,
  errorText,
  EVERYTHING,
  isEverything,
  type LogLook,
  lookAt,
} from "../../kit/mod.ts";
import type { StateStore } from "../state/state_store.ts";
import { hasCode, isOwn, managerOf, STREAM_NOT_FOUND } from "../state/streams.ts";
import type { Delivery } from "./pull_reader.ts";

/**
 * How long the server waits for a word about a message before it delivers it again, milliseconds. An event
 * that was under way when the process died comes again after that.
 */
export const ACK_WAIT_MS = 10_000;

/** Messages of one endpoint that wait for an ack, or for their next attempt. The others wait in the stream. */
const MAX_ACK_PENDING = 2_000;

/** A consumer that nobody has used for so long is removed: its endpoint is not in the file any more. */
const UNUSED_MS = 30 * 86_400_000;

const NANOSECONDS_PER_MS = 1_000_000;

const Position = z.object({ seq: z.number().int().min(0) });

/** One stream that an endpoint reads. */
export interface EventSource {
  stream: string;
  /** The number of the stream of the log; undefined for derived events. */
  index?: number;
  consumer: string;
  /** Whether the endpoint is not done with the stream from which this one has taken rooms. */
  waits?: boolean;
  /** Undefined: every message of the stream. */
  filter: string | undefined;
  /** The event that was delivered, or null if the endpoint does not want it. */
  eventOf(delivery: Delivery): WebhookEvent | null;
}

/** The trace of a delivery's message. */
export function traceparentOfDelivery({ headers }: Delivery): string | undefined {
  return headers?.get(HEADERS.traceparent) || undefined;
}

/** Whether an endpoint wants events of a room. */
function wantsRoom({ rooms }: WebhookEndpoint, room: string): boolean {
  return rooms === undefined || rooms.some((pattern) => matchesRoom(pattern, room));
}

/** What an endpoint reads at first; {@link newStreams} tells what else there is. */
export function sourcesOf(endpoint: WebhookEndpoint): EventSource[] {
  const { id, events } = endpoint;
  const types: ReadonlySet<string> = new Set(events);
  const derived: EventSource = {
    stream: HOOKS_STREAM,
    consumer: id,
    filter: "hook.>",
    eventOf(delivery) {
      if (!isOwn(delivery.headers, HOOKS_STREAM)) return null;
      const replayed = delivery.subject === hookReplaySubject(id);
      if (!replayed && !delivery.subject.startsWith("hook.event.")) return null;
      const event = parse(WebhookEvent, delivery.data);
      if (event === null || replayed) return event;
      if (!types.has(event.type)) return null;
      return "room" in event.data && !wantsRoom(endpoint, event.data.room) ? null : event;
    },
  };
  if (!types.has("room.message")) return [derived];
  return [messageSource(endpoint, 0), derived];
}

/** The messages of one stream of the log, by its number. */
function messageSource(endpoint: WebhookEndpoint, index: number): EventSource {
  const { id, rooms } = endpoint;
  return {
    stream: roomsStream(index),
    index,
    consumer: `hooks-${id}`,
    // A consumer of a 2.9 server has one filter.
    filter: `room.message.${rooms?.length === 1 ? `*.${rooms[0]}` : ">"}`,
    eventOf(delivery) {
      if (!wantsRoom(endpoint, roomOfSubject(delivery.subject))) return null;
      const message = parse(RoomEvent, delivery.data);
      // An erased message says nothing any more.
      if (message === null || message.erased) return null;
      const { erased: _, ...data } = message;
      const { seq, nanoseconds } = delivery;
      return {
        // The time tells apart what different logs have at this place.
        id: `msg_${seq}_${BigInt(nanoseconds).toString(36)}${index === 0 ? "" : `_${index}`}`,
        type: "room.message",
        timestamp: new Date(Number(BigInt(nanoseconds) / 1_000_000n)).toISOString(),
        data: { ...data, content: data.content ?? null, seq },
      };
    },
  };
}

/**
 * Returns the sources of the streams of the log that have taken rooms from that of a source, and takes the filter
 * from all of them if there are any: a filter must be within one subject of its stream.
 */
export async function newStreams(
  bus: Bus,
  endpoint: WebhookEndpoint,
  source: EventSource,
): Promise<EventSource[]> {
  if (source.index === undefined) return [];
  const manager = await managerOf(bus);
  const children = childrenOfStream(source.index, await manager.streams.info(source.stream));
  if (children.length > 0) source.filter = undefined;
  return children.map((index) => ({ ...messageSource(endpoint, index), filter: undefined }));
}

function parse<T>(schema: z.ZodType<T>, data: Uint8Array): T | null {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(data)));
    return parsed.success ? parsed.data : null;
  } catch {
    return null;
  }
}

const keyOf = (endpoint: string, stream: string) => `position.${endpoint}.${stream}`;

/**
 * An endpoint that is older than a stream will want everything of it. Without the first stream of the log there
 * is no log, and the other ones will be younger, too.
 */
async function wantAll(store: StateStore, endpoint: string, stream: string): Promise<void> {
  for (const one of stream === ROOMS_STREAM ? ROOMS_STREAMS : [stream]) {
    const key = keyOf(endpoint, one);
    if (await store.read(key, Position) === undefined) await store.write(key, { seq: 0 });
  }
}

/** Creates the consumer unless it is there. A new endpoint begins with what comes from now on. */
export async function ensureConsumer(
  bus: Bus,
  store: StateStore,
  endpoint: string,
  source: EventSource,
  stopped = () => false,
): Promise<void> {
  const { stream, consumer, filter, index = 0 } = source;
  const manager = await managerOf(bus);
  const key = keyOf(endpoint, stream);
  const known = await manager.consumers.info(stream, consumer).catch(async (error) => {
    if (/consumer not found/i.test(errorText(error))) return null;
    if (hasCode(error, STREAM_NOT_FOUND)) await wantAll(store, endpoint, stream);
    throw error;
  });
  const present = known?.config.filter_subject;
  if (known !== null && (present === filter || isEverything(present, filter))) return;
  if (known !== null && filter === undefined) {
    // The stream was divided: the filter is within none of its subjects any more.
    await manager.consumers.update(stream, consumer, { filter_subject: EVERYTHING });
    return;
  }
  const position = (await store.read(key, Position))?.value.seq;
  const { state: { last_seq: last } } = await manager.streams.info(stream);
  // With other rooms, or in place of a consumer that was lost, perhaps with its stream, it goes on.
  const done = known === null ? position : Math.max(known.ack_floor.stream_seq, position ?? 0);
  const after = done === undefined ? last : done > last ? 0 : done;
  const since = known === null && !done
    ? await doneWithParent(manager, index, consumer, {
      stopped,
      waits: () => void (source.waits = true),
    }).finally(() => source.waits = false)
    : undefined;
  if (stopped()) return;
  if (done === undefined && since === undefined) await store.write(key, { seq: last });
  if (known !== null) await manager.consumers.delete(stream, consumer);
  await manager.consumers.add(stream, {
    durable_name: consumer,
    description: `Hopwire: webhooks of the endpoint ${endpoint}`,
    ...since === undefined || done === 0
      ? { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: after + 1 }
      : { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since },
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
    max_ack_pending: MAX_ACK_PENDING,
    inactive_threshold: UNUSED_MS * NANOSECONDS_PER_MS,
    ...filter === undefined ? {} : { filter_subject: filter },
  });
}

/** How far an endpoint is, and its stream. Up to where all are done is remembered beside the consumer, too. */
export async function readPosition(
  bus: Bus,
  store: StateStore,
  endpoint: string,
  source: EventSource,
  before: number,
): Promise<LogLook> {
  const look = await lookAt(await managerOf(bus), source.stream, source.consumer);
  const seq = look.acked;
  if (seq !== before) await store.write(keyOf(endpoint, source.stream), { seq });
  return look;
}
