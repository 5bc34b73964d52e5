/**
 * Publishes one message of a back-end: checked, screened where the room's namespace names a service for it, and
 * stored once.
 *
 * @module
 */
import {
  deduplicationId,
  DEFAULT_NAMESPACE,
  HEADERS,
  messageSubject,
  type Namespace,
  namespaceOf,
  SPAN_ATTRIBUTES,
  unstoredSubject,
} from "../../contract/mod.ts";
import {
  clock,
  contentJson,
  type Context,
  encodeHeaders,
  FaultError,
  faultOf,
  hopDurationsOf,
  natsAttributes,
  secondsBetween,
  sentHeader,
  SpanKind,
  startHop,
  type Stored,
  TELEMETRY_ON,
  traceparentOf,
} from "../../kit/mod.ts";
import type { Backend, Call } from "./operation.ts";

/** A message as a back-end gives it. */
export interface Message {
  room: string;
  userId: string;
  username?: string;
  content: unknown;
  id?: string;
}

/** Where the message stands. */
export interface Published {
  id: string;
  seq: number;
  duplicate?: true;
}

/** An event's JSON with `content` last, which is serialised already. */
export function eventJson(event: Record<string, unknown>, content: string): string {
  return `${JSON.stringify(event).slice(0, -1)},"content":${content}}`;
}

/** What is to be published, and the trace context of what follows. */
interface Accepted {
  json: string;
  context: Context;
}

/** Checks the content, and has it screened. Throws a FaultError if it is refused. */
async function accept(
  { room, userId, username, content }: Message,
  { content: mode, screen, pattern }: Namespace,
  call: Call,
  { screener, namespaces }: Backend,
): Promise<Accepted> {
  const namespace = namespaces.length === 0 ? undefined : namedPattern(pattern);
  const durations = hopDurationsOf(namespace);
  const read = clock.at(call.receivedAt);
  const received = startHop("edge.receive", SpanKind.INTERNAL, call.context, {
    [SPAN_ATTRIBUTES.hop]: "edge.receive",
    [SPAN_ATTRIBUTES.room]: room,
  }, read);
  const ended = (failure?: string) => {
    const now = clock.now();
    received.end(failure, now);
    durations.record("edge.receive", secondsBetween(read, now), failure);
  };
  let json: string;
  try {
    json = contentJson(content, mode);
    ended();
  } catch (error) {
    ended(faultOf(error).code);
    throw error;
  }
  const { context } = received;
  if (screen === undefined || call.key.unscreened) return { json, context };
  const passed = await screener.screen({
    screen,
    room,
    payload: eventJson({ room, userId, username: username || userId }, json),
    context,
    namespace,
    timeLeft: call.timeLeft(),
  });
  if (call.over.aborted) throw new FaultError("timeout", "the message was not screened in time");
  if (passed.replacement !== undefined) json = contentJson(passed.replacement.content, mode);
  return { json, context: passed.context };
}

/** Publishes a message, and returns when it is stored. Throws a FaultError if it is refused. */
export async function publishMessage(
  message: Message,
  call: Call,
  backend: Backend,
): Promise<Published> {
  const { room, userId, username, id } = message;
  const { bus, publisher, namespaces, recent } = backend;
  const namespace = namespaceOf(namespaces, room);
  const { stored, pattern } = namespace;
  const { json, context } = await accept(message, namespace, call, backend);
  const durations = hopDurationsOf(namespaces.length === 0 ? undefined : namedPattern(pattern));
  const given = id ?? call.idempotentId;
  const messageId = given ?? crypto.randomUUID();
  const about = { room, id: messageId, userId, username: username || userId };
  const payload = eventJson({ ...about, timestamp: Date.now() }, json);
  const handed = clock.now();
  const subject = stored ? messageSubject(room) : unstoredSubject(room);
  const hop = startHop("bus.store", SpanKind.PRODUCER, context, {
    [SPAN_ATTRIBUTES.hop]: "bus.store",
    ...natsAttributes("send", subject),
    [SPAN_ATTRIBUTES.room]: room,
    "messaging.message.id": messageId,
    "messaging.message.body.size": payload.length,
  }, handed);
  const headers = encodeHeaders(
    // The API builds and validates the event as a gateway does.
    HEADERS.checked,
    "1",
    HEADERS.traceparent,
    traceparentOf(hop.context),
    HEADERS.sent,
    TELEMETRY_ON ? sentHeader(clock.at(call.receivedAt), handed) : undefined,
    HEADERS.messageId,
    stored && given !== undefined ? deduplicationId(userId, room, given) : undefined,
  );
  if (!stored) {
    const accepted = bus.sendSoon(subject, payload, { headers });
    hop.end(accepted ? undefined : "unavailable");
    if (!accepted) throw new FaultError("unavailable", "the message bus is unreachable", 1_000);
    return { id: messageId, seq: 0 };
  }
  const { seq, duplicate } = await new Promise<Stored>((resolve, reject) => {
    publisher.publish(subject, payload, headers, (done, failure) => {
      const acked = clock.now();
      durations.record("bus.store", secondsBetween(handed, acked), failure?.code);
      if (done !== null) hop.span.setAttribute(SPAN_ATTRIBUTES.seq, done.seq);
      hop.end(failure?.code, acked);
      if (done !== null) resolve(done);
      else reject(FaultError.from(failure!));
    });
  });
  recent.stored(room, seq);
  return { id: messageId, seq, ...(duplicate ? { duplicate: true as const } : {}) };
}

/** The pattern of the namespaces file that a room matches; undefined if none does. */
function namedPattern(pattern: string): string | undefined {
  return pattern === DEFAULT_NAMESPACE.pattern ? undefined : pattern;
}
