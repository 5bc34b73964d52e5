/**
 * Publishes what clients say in rooms: `message` and `signal` frames.
 *
 * @module
 */
import {
  type ClientFrameOf,
  HEADERS,
  type Identity,
  messageSubject,
  type RoomEvent,
  type SignalEvent,
  signalSubject,
  SPAN_ATTRIBUTES,
  unstoredSubject,
} from "../../../contract/mod.ts";
import {
  type Bus,
  clock,
  type Context,
  encodeHeaders,
  exportHop,
  FaultError,
  faultOf,
  type Hop,
  hopDurationsOf,
  natsAttributes,
  secondsBetween,
  sentHeader,
  type SlowMessages,
  SpanKind,
  startHop,
  type StreamPublisher,
  TELEMETRY_ON,
  traceparentOf,
} from "../../../kit/mod.ts";
import type { PublishPressure } from "../reading/publish_pressure.ts";
import type { TraceBudget } from "../quotas/trace_budget.ts";
import { contentJson } from "./content.ts";
import { requireRight } from "./rights.ts";
import { roomTrace, traceAnswer } from "./tracing.ts";
import { createTracedUser, type UserIdsInTraces } from "./traced_user.ts";
import type { Session } from "../session.ts";

/** What publishing needs from the gateway. */
export interface PublishDeps {
  bus: Bus;
  publisher: StreamPublisher;
  /** Slows publishers down while too much waits to be stored. */
  pressure: PublishPressure;
  /** Counts messages accepted from clients. */
  stats: { messagesIn: number };
  /** Returns an id that no other message has, for a message whose sender gave none. */
  messageId(): string;
  /** Chooses messages that are exported although they were not sampled. */
  slow: SlowMessages;
  /** Bounds the traces that clients ask for. */
  traces: TraceBudget;
  /** How spans name users. */
  userIdsInTraces: UserIdsInTraces;
}

/** Executes the frames that publish. Each throws a FaultError if the frame is refused. */
export interface Publish {
  /** Publishes a message; a stored one with an `id` is answered by `ack` once it is stored. */
  message(session: Session, identity: Identity, frame: ClientFrameOf<"message">): void;
  /** Publishes a signal, if the bus takes it now. */
  signal(session: Session, identity: Identity, frame: ClientFrameOf<"signal">): void;
}

/** Makes the publishing commands of one gateway. */
export function createPublish(deps: PublishDeps): Publish {
  const tracedUser = createTracedUser(deps.userIdsInTraces);
  const receive = (
    session: Session,
    identity: Identity,
    frame: ClientFrameOf<"message" | "signal">,
  ) =>
    startHop("edge.receive", SpanKind.SERVER, roomTrace(deps.traces, session, frame.room, frame), {
      [SPAN_ATTRIBUTES.hop]: "edge.receive",
      [SPAN_ATTRIBUTES.room]: frame.room,
      "hopwire.connection": session.id,
      ...tracedUser(identity),
    }, clock.at(session.readAt));
  return {
    message(session, identity, frame) {
      const hop = receive(session, identity, frame);
      try {
        publishMessage(deps, session, identity, frame, hop);
      } catch (error) {
        const { code } = faultOf(error);
        hop.end(code);
        const durations = hopDurationsOf(session.rooms.get(frame.room)?.grant.namespace);
        durations.record(
          "edge.receive",
          secondsBetween(clock.at(session.readAt), clock.now()),
          code,
        );
        throw error;
      }
    },

    signal(session, identity, frame) {
      const hop = receive(session, identity, frame);
      try {
        publishSignal(deps, session, identity, frame, hop);
      } catch (error) {
        hop.end(faultOf(error).code);
        throw error;
      }
    },
  };
}

function publishMessage(
  { bus, publisher, pressure, slow, stats, messageId }: PublishDeps,
  session: Session,
  { userId, username }: Identity,
  frame: ClientFrameOf<"message">,
  received: Hop,
): void {
  const { room, id, content } = frame;
  const { stored, rate, content: mode, namespace } = requireRight(session, room, "publish").grant;
  session.allowance.requireMessage(rate);
  const json = contentJson(content, mode);
  const event = { room, id: id ?? messageId(), userId, username, timestamp: Date.now() };
  const payload = eventJson(event, json);
  stats.messagesIn++;
  const subject = stored ? messageSubject(room) : unstoredSubject(room);
  const { handed, sent, hop } = handOver(session, received, subject, {
    "messaging.message.id": event.id,
    "messaging.message.body.size": payload.length,
    [SPAN_ATTRIBUTES.room]: room,
  });
  const headers = encodeHeaders(
    HEADERS.checked,
    "1",
    HEADERS.traceparent,
    traceparentOf(hop.context),
    HEADERS.sent,
    sent,
    HEADERS.messageId,
    // A resend within the deduplication window is stored once. The user and the room are part of the
    // id, so that one user's ids cannot collide with another's.
    stored && id !== undefined ? `${encodeURIComponent(userId)}:${room}:${id}` : undefined,
  );
  const durations = hopDurationsOf(namespace);
  const receiving = secondsBetween(clock.at(session.readAt), handed);
  if (stored) {
    durations.record("edge.receive", receiving);
    const { account } = session.allowance;
    account.publishes++;
    publisher.publish(subject, payload, headers, (done, failure) => {
      const acked = clock.now();
      durations.record("bus.store", secondsBetween(handed, acked), failure?.code);
      if (done !== null) hop.span.setAttribute(SPAN_ATTRIBUTES.seq, done.seq);
      hop.end(failure?.code, acked);
      // Nobody else will tell of it: it reaches neither members nor the archive.
      if (failure !== null && TELEMETRY_ON) {
        const parent = slow.take(traceparentOf(hop.context));
        if (parent !== null) exportUnstored(parent, session.readAt, handed, acked, failure.code);
      }
      account.publishes--;
      pressure.settled(account);
      if (failure !== null) return session.refuse(failure, { id, room });
      if (id === undefined) return;
      const { seq, duplicate } = done!;
      const more = { ...(duplicate ? { duplicate } : {}), ...traceAnswer(frame, hop.context) };
      session.send({ type: "ack", id, room, seq, ...more });
    });
    pressure.published(session, account);
  } else {
    const accepted = bus.sendSoon(subject, payload, { headers });
    hop.end(accepted ? undefined : "unavailable");
    if (!accepted) throw new FaultError("unavailable", undefined, 1_000);
    durations.record("edge.receive", receiving);
    if (id === undefined) return;
    session.send({ type: "ack", id, room, seq: 0, ...traceAnswer(frame, hop.context) });
  }
}

function publishSignal(
  { bus }: PublishDeps,
  session: Session,
  { userId, username }: Identity,
  { room, content }: ClientFrameOf<"signal">,
  received: Hop,
): void {
  const { rate, content: mode } = requireRight(session, room, "publish").grant;
  session.allowance.requireMessage(rate);
  const payload = eventJson({ room, userId, username }, contentJson(content, mode));
  const subject = signalSubject(room);
  const { sent, hop } = handOver(session, received, subject, { [SPAN_ATTRIBUTES.room]: room });
  const traceparent = traceparentOf(hop.context);
  const headers = encodeHeaders(
    HEADERS.checked,
    "1",
    HEADERS.traceparent,
    traceparent,
    HEADERS.sent,
    sent,
  );
  // Signals are not acknowledged: without the bus, or when it is behind, they are dropped.
  const accepted = bus.sendSoon(subject, payload, { headers });
  hop.end(accepted ? undefined : "unavailable");
}

/** Exports a message that was not stored, and not sampled either. */
function exportUnstored(
  parent: Context,
  readAt: number,
  handed: number,
  ended: number,
  failure: string,
): void {
  const attributes = { [SPAN_ATTRIBUTES.slow]: true, [SPAN_ATTRIBUTES.reconstructed]: true };
  const received = clock.at(readAt);
  const kind = SpanKind.SERVER;
  const context = exportHop(parent, {
    hop: "edge.receive",
    kind,
    from: received,
    to: handed,
    attributes,
  });
  exportHop(context, { hop: "bus.store", from: handed, to: ended, attributes, failure });
}

/** The moment at which a message goes to NATS: `edge.receive` ends, and the hop to JetStream begins. */
function handOver(
  session: Session,
  received: Hop,
  subject: string,
  attributes: Record<string, string | number>,
): { handed: number; sent: string | undefined; hop: Hop } {
  const handed = clock.now();
  received.end(undefined, handed);
  const hop = startHop("bus.store", SpanKind.PRODUCER, received.context, {
    [SPAN_ATTRIBUTES.hop]: "bus.store",
    ...natsAttributes("send", subject),
    ...attributes,
  }, handed);
  const sent = TELEMETRY_ON ? sentHeader(clock.at(session.readAt), handed) : undefined;
  return { handed, sent, hop };
}

/** An event's JSON with `content` last, so that the content is serialised only once. */
function eventJson(
  event: Omit<RoomEvent, "content"> | Omit<SignalEvent, "content">,
  content: string,
): string {
  return `${JSON.stringify(event).slice(0, -1)},"content":${content}}`;
}
