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
  unstoredSubject,
} from "../../../contract/mod.ts";
import {
  type Bus,
  contextOf,
  encodeHeaders,
  FaultError,
  faultOf,
  natsAttributes,
  SpanKind,
  startHop,
  type StreamPublisher,
  traceparentOf,
} from "../../../kit/mod.ts";
import type { PublishPressure } from "../reading/publish_pressure.ts";
import { contentJson } from "./content.ts";
import { requireRight } from "./rights.ts";
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

const CHECKED = encodeHeaders(HEADERS.checked, "1");

/** Makes the publishing commands of one gateway. */
export function createPublish(deps: PublishDeps): Publish {
  const tracedUser = createTracedUser(deps.userIdsInTraces);
  return {
    message(session, identity, frame) {
      const hop = startHop("receive message", SpanKind.SERVER, contextOf(frame.traceparent), {
        "hopwire.room": frame.room,
        "hopwire.connection": session.id,
        ...tracedUser(identity),
      });
      try {
        publishMessage(deps, session, identity, frame, hop.context);
        hop.end();
      } catch (error) {
        hop.end(faultOf(error).code);
        throw error;
      }
    },

    signal(session, { userId, username }, { room, content }) {
      const { rate, content: mode } = requireRight(session, room, "publish").grant;
      session.allowance.requireMessage(rate);
      const payload = eventJson({ room, userId, username }, contentJson(content, mode));
      // Signals are not acknowledged: without the bus, or when it is behind, they are dropped.
      deps.bus.sendSoon(signalSubject(room), payload, { headers: CHECKED });
    },
  };
}

function publishMessage(
  { bus, publisher, pressure, stats, messageId }: PublishDeps,
  session: Session,
  { userId, username }: Identity,
  { room, id, content }: ClientFrameOf<"message">,
  parent: ReturnType<typeof contextOf>,
): void {
  const { stored, rate, content: mode } = requireRight(session, room, "publish").grant;
  session.allowance.requireMessage(rate);
  const json = contentJson(content, mode);
  const event = { room, id: id ?? messageId(), userId, username, timestamp: Date.now() };
  const payload = eventJson(event, json);
  stats.messagesIn++;
  const subject = stored ? messageSubject(room) : unstoredSubject(room);
  const hop = startHop(`send room.${stored ? "message" : "unstored"}`, SpanKind.PRODUCER, parent, {
    ...natsAttributes("send", subject),
    "messaging.message.id": event.id,
    "messaging.message.body.size": payload.length,
  });
  const headers = encodeHeaders(
    HEADERS.checked,
    "1",
    HEADERS.traceparent,
    traceparentOf(hop.context),
    HEADERS.messageId,
    // A resend within the deduplication window is stored once. The user and the room are part of the
    // id, so that one user's ids cannot collide with another's.
    stored && id !== undefined ? `${encodeURIComponent(userId)}:${room}:${id}` : undefined,
  );
  if (stored) {
    const { account } = session.allowance;
    account.publishes++;
    publisher.publish(subject, payload, headers, (done, failure) => {
      hop.end(failure?.code);
      account.publishes--;
      pressure.settled(account);
      if (failure !== null) return session.refuse(failure, { id, room });
      if (id === undefined) return;
      const { seq, duplicate } = done!;
      session.send({ type: "ack", id, room, seq, ...(duplicate ? { duplicate } : {}) });
    });
    pressure.published(session, account);
  } else {
    const sent = bus.sendSoon(subject, payload, { headers });
    hop.end(sent ? undefined : "unavailable");
    if (!sent) throw new FaultError("unavailable", undefined, 1_000);
    if (id !== undefined) session.send({ type: "ack", id, room, seq: 0 });
  }
}

/** An event's JSON with `content` last, so that the content is serialised only once. */
function eventJson(
  event: Omit<RoomEvent, "content"> | Omit<SignalEvent, "content">,
  content: string,
): string {
  return `${JSON.stringify(event).slice(0, -1)},"content":${content}}`;
}
