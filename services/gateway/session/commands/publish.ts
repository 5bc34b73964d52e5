/**
 * Publishes what clients say in rooms: `message` and `signal` frames.
 *
 * @module
 */
import {
  type ClientFrameOf,
  deduplicationId,
  type Grant,
  HEADERS,
  type Identity,
  messageSubject,
  type RoomEvent,
  type Screen,
  signalSubject,
  SPAN_ATTRIBUTES,
  unstoredSubject,
} from "../../../contract/mod.ts";
import {
  type Bus,
  clock,
  contentJson,
  type Context,
  encodeHeaders,
  FaultError,
  faultOf,
  type Hop,
  hopDurationsOf,
  secondsBetween,
  type SlowMessages,
  SpanKind,
  startHop,
  type StreamPublisher,
  TELEMETRY_ON,
  traceparentOf,
} from "../../../kit/mod.ts";
import type { PublishPressure } from "../reading/publish_pressure.ts";
import type { TraceBudget } from "../quotas/trace_budget.ts";
import { requireRight } from "./rights.ts";
import { roomTrace, traceAnswer } from "./tracing.ts";
import { createTracedUser, type UserIdsInTraces } from "./traced_user.ts";
import { eventJson, exportUnstored, handOver } from "./handing_over.ts";
import { createScreening, type Screening } from "./screening.ts";
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
  const screening = createScreening(deps.bus);
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
        publishMessage(deps, screening, session, identity, frame, hop);
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
  deps: PublishDeps,
  screening: Screening,
  session: Session,
  { userId, username }: Identity,
  frame: ClientFrameOf<"message">,
  received: Hop,
): void {
  const { room, id, content } = frame;
  const { grant } = requireRight(session, room, "publish");
  session.allowance.requireMessage(grant.rate);
  const json = contentJson(content, grant.content);
  const event = { room, id: id ?? deps.messageId(), userId, username, timestamp: Date.now() };
  const accepted = { session, frame, grant, event, readAt: session.readAt };
  if (grant.screen !== undefined) {
    return screenMessage(deps, screening, accepted, grant.screen, json, received);
  }
  deps.stats.messagesIn++;
  publishAccepted(deps, accepted, json, received.context, received);
}

/** A message whose sender may send it. */
interface Accepted {
  session: Session;
  frame: ClientFrameOf<"message">;
  grant: Grant;
  event: Omit<RoomEvent, "content">;
  /** When its frame was read; a monotonic time in milliseconds. */
  readAt: number;
}

/** Publishes a message if the service that screens it lets it pass. */
function screenMessage(
  deps: PublishDeps,
  screening: Screening,
  accepted: Accepted,
  screen: Screen,
  json: string,
  received: Hop,
): void {
  const { session, grant, event: { room, userId, username }, frame: { id }, readAt } = accepted;
  const { account } = session.allowance;
  const payload = eventJson({ room, userId, username }, json);
  const { namespace } = grant;
  screening.submit(
    session,
    { room, screen, payload, context: received.context, namespace },
    (passed, refusal) => {
      account.publishes--;
      deps.pressure.settled(account);
      // Whoever has left has no ack, and no right to publish any more.
      if (session.closed) return;
      try {
        if (refusal !== null) throw refusal;
        const { replacement, context } = passed!;
        const now = requireRight(session, room, "publish").grant;
        const content = replacement === undefined
          ? json
          : contentJson(replacement.content, now.content);
        deps.stats.messagesIn++;
        publishAccepted(deps, { ...accepted, grant: now }, content, context);
      } catch (error) {
        session.refuse(faultOf(error), { id, room });
      }
    },
  );
  const asked = clock.now();
  received.end(undefined, asked);
  hopDurationsOf(namespace).record("edge.receive", secondsBetween(clock.at(readAt), asked));
  account.publishes++;
  deps.pressure.published(session, account);
}

/**
 * Publishes a message. `received` is the hop `edge.receive`, which ends at the moment at which the message
 * goes to NATS; undefined if it has ended.
 */
function publishAccepted(
  { bus, publisher, pressure, slow }: PublishDeps,
  { session, frame, grant: { stored, namespace }, event, readAt }: Accepted,
  content: string,
  parent: Context,
  received?: Hop,
): void {
  const { room, id } = frame;
  const payload = eventJson(event, content);
  const subject = stored ? messageSubject(room) : unstoredSubject(room);
  const { handed, sent, hop } = handOver(readAt, parent, subject, {
    "messaging.message.id": event.id,
    "messaging.message.body.size": payload.length,
    [SPAN_ATTRIBUTES.room]: room,
  });
  received?.end(undefined, handed);
  const headers = encodeHeaders(
    HEADERS.checked,
    "1",
    HEADERS.traceparent,
    traceparentOf(hop.context),
    HEADERS.sent,
    sent,
    HEADERS.messageId,
    stored && id !== undefined ? deduplicationId(event.userId, room, id) : undefined,
  );
  const durations = hopDurationsOf(namespace);
  const receiving = secondsBetween(clock.at(readAt), handed);
  if (stored) {
    if (received !== undefined) durations.record("edge.receive", receiving);
    const { account } = session.allowance;
    account.publishes++;
    publisher.publish(subject, payload, headers, (done, failure) => {
      const acked = clock.now();
      durations.record("bus.store", secondsBetween(handed, acked), failure?.code);
      if (done !== null) hop.span.setAttribute(SPAN_ATTRIBUTES.seq, done.seq);
      hop.end(failure?.code, acked);
      // Nobody else will tell of it: it reaches neither members nor the archive.
      if (failure !== null && TELEMETRY_ON && slow.admit()) {
        const slowly = slow.take(traceparentOf(hop.context));
        if (slowly !== null) exportUnstored(slowly, readAt, handed, acked, failure.code);
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
    if (received !== undefined) durations.record("edge.receive", receiving);
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
  const { handed, sent, hop } = handOver(session.readAt, received.context, subject, {
    [SPAN_ATTRIBUTES.room]: room,
  });
  received.end(undefined, handed);
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
