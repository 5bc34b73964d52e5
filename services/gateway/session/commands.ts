/**
 * What each frame of an authenticated client does.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import {
  callSubject,
  type ClientFrame,
  type ClientFrameOf,
  type Fault,
  HEADERS,
  type Identity,
  liveSubject,
  MAX_CONTENT_BYTES,
  messageSubject,
  type RoomEvent,
  type SignalEvent,
  signalSubject,
} from "../../contract/mod.ts";
import {
  contextOf,
  encodeHeaders,
  FaultError,
  faultOf,
  natsAttributes,
  requestRaw,
  SpanKind,
  startHop,
  traceparentOf,
} from "../../kit/mod.ts";
import { textFrame } from "../wire/frame.ts";
import type { Membership } from "./membership.ts";
import { about, MAX_ASKING, type Session } from "./session.ts";
import { subscribe, unsubscribe } from "./subscribing.ts";

/** Runs one frame. Frames for a room that is being entered wait until that is done. */
export function run(session: Session, identity: Identity, frame: ClientFrame): void {
  const entering = "room" in frame ? session.enteringOf(frame.room) : undefined;
  if (entering !== undefined) return session.hold(entering, frame);
  try {
    switch (frame.type) {
      case "message":
        return message(session, identity, frame);
      case "signal":
        return signal(session, identity, frame);
      case "subscribe":
        return void subscribe(session, identity, frame);
      case "unsubscribe":
        return unsubscribe(session, frame);
      case "history":
        return ask(session, frame, () => history(session, frame));
      case "presence":
        return ask(session, frame, () => presence(session, frame));
      case "call":
        return ask(session, frame, () => call(session, identity, frame));
    }
  } catch (error) {
    tell(session, faultOf(error), frame);
  }
}

/** Refuses a frame; counts it against the client where it is the client that was wrong. */
function tell(session: Session, refusal: Fault, frame: ClientFrame): void {
  const wrong = ["room_not_found", "forbidden", "too_large", "invalid_format"];
  if (wrong.includes(refusal.code)) session.violate(refusal, about(frame));
  else session.refuse(refusal, about(frame));
}

/** The session's membership of the frame's room, if its grant has the right. */
function memberOf(
  session: Session,
  room: string,
  right: "publish" | "history" | "presence",
): Membership {
  const membership = session.rooms.get(room);
  if (membership === undefined) throw new FaultError("room_not_found");
  if (!membership.grant.rights.includes(right)) {
    throw new FaultError("forbidden", `no right to ${right} in ${room}`);
  }
  return membership;
}

/** The JSON of a content, within its limit. */
function contentJson(content: unknown): string {
  let json: string;
  try {
    json = JSON.stringify(content);
  } catch {
    throw new FaultError("invalid_format", "content: nested too deep");
  }
  // A text has at most three times as many bytes as it is long.
  if (json.length * 3 > MAX_CONTENT_BYTES && Buffer.byteLength(json) > MAX_CONTENT_BYTES) {
    throw new FaultError("too_large", `more than ${MAX_CONTENT_BYTES} bytes of JSON`);
  }
  return json;
}

/** An event's JSON, its content serialised once. The content stands last. */
function eventJson(
  event: Omit<RoomEvent, "content"> | Omit<SignalEvent, "content">,
  content: string,
) {
  return `${JSON.stringify(event).slice(0, -1)},"content":${content}}`;
}

function message(session: Session, identity: Identity, frame: ClientFrameOf<"message">): void {
  const { edge } = session;
  const { room, id } = frame;
  const hop = startHop("receive message", SpanKind.SERVER, contextOf(frame.traceparent), {
    "hopwire.room": room,
    "hopwire.connection": session.id,
    "enduser.id": identity.userId,
  });
  try {
    const { stored } = memberOf(session, room, "publish").grant;
    const content = contentJson(frame.content);
    const { userId, username } = identity;
    const messageId = id ?? edge.messageId();
    const event = { room, id: messageId, userId, username, timestamp: Date.now() };
    const payload = eventJson(event, content);
    edge.stats.messagesIn++;
    const subject = stored ? messageSubject(room) : liveSubject(room);
    const send = startHop(
      `send room.${stored ? "message" : "live"}`,
      SpanKind.PRODUCER,
      hop.context,
      {
        ...natsAttributes("send", subject),
        "messaging.message.id": messageId,
        "messaging.message.body.size": payload.length,
      },
    );
    const headers = encodeHeaders(
      HEADERS.checked,
      "1",
      HEADERS.traceparent,
      traceparentOf(send.context),
      HEADERS.messageId,
      // A resend within the stream's window is stored once: the scope makes an id the user's own.
      stored && id !== undefined ? `${encodeURIComponent(userId)}:${room}:${id}` : undefined,
    );
    if (stored) {
      edge.publisher.publish(subject, payload, headers, (done, failure) => {
        send.end(failure?.code);
        if (failure !== null) return session.refuse(failure, { id, room });
        if (id === undefined) return;
        const { seq, duplicate } = done!;
        session.send({ type: "ack", id, room, seq, ...(duplicate ? { duplicate } : {}) });
      });
    } else {
      const sent = edge.bus.sendSoon(subject, payload, { headers });
      send.end(sent ? undefined : "unavailable");
      if (!sent) throw new FaultError("unavailable", undefined, 1_000);
      if (id !== undefined) session.send({ type: "ack", id, room, seq: 0 });
    }
    hop.end();
  } catch (error) {
    const refusal = faultOf(error);
    hop.end(refusal.code);
    tell(session, refusal, frame);
  }
}

const CHECKED = encodeHeaders(HEADERS.checked, "1");

function signal(session: Session, { userId, username }: Identity, frame: ClientFrameOf<"signal">) {
  const { room } = frame;
  memberOf(session, room, "publish");
  const payload = eventJson({ room, userId, username }, contentJson(frame.content));
  // Not acked and dropped first: where the bus is away, or behind, it is gone.
  session.edge.bus.sendSoon(signalSubject(room), payload, { headers: CHECKED });
}

/** Runs what is answered later, a bounded number at a time; a failure becomes the error frame. */
function ask(session: Session, frame: ClientFrame, work: () => Promise<void>): void {
  if (session.asking >= MAX_ASKING) {
    throw new FaultError("rate_limited", `${MAX_ASKING} answers are awaited already`, 100);
  }
  session.asking++;
  work()
    .catch((error) => session.refuse(faultOf(error), about(frame)))
    .finally(() => session.asking--);
}

async function history(session: Session, frame: ClientFrameOf<"history">): Promise<void> {
  const { room: name, before, after, limit, id } = frame;
  const { room } = memberOf(session, name, "history");
  // What has been delivered here must be in the answer.
  const upTo = room.head || undefined;
  const page = await session.edge.history.page({ room: name, before, after, limit, upTo });
  const messages = page.messages.map(({ seq, prev, ...event }) => ({
    type: "room-message",
    seq,
    prev,
    ...event,
  }));
  // Up to 640 KiB each, and several may have been asked for: one after the other.
  while (session.peer.behind && !session.closed) await session.peer.drained();
  if (session.closed) return;
  session.sendFrame(
    textFrame(JSON.stringify({ type: "history", room: name, messages, more: page.more, id })),
  );
}

async function presence(session: Session, frame: ClientFrameOf<"presence">): Promise<void> {
  const { room, after, limit, id } = frame;
  const { grant, room: held } = memberOf(session, room, "presence");
  if (held.presence === null) throw new FaultError("forbidden", `${room} has no presence`);
  const answer = await held.presence.page({ after, limit, revision: grant.revision });
  session.send({ type: "presence", room, ...answer, id });
}

async function call(
  session: Session,
  identity: Identity,
  frame: ClientFrameOf<"call">,
): Promise<void> {
  const { service, method, data = null, id, timeout } = frame;
  const { userId, username } = identity;
  const subject = callSubject(service, method);
  const context = startHop("receive call", SpanKind.SERVER, contextOf(undefined), {
    "hopwire.connection": session.id,
    "rpc.service": service,
    "rpc.method": method,
  });
  try {
    const payload = JSON.stringify({ data, userId, username });
    const reply = await requestRaw(session.edge.bus, subject, payload, {
      timeout,
      context: context.context,
      missing: "service_not_found",
      late: "timeout",
    });
    let result: unknown = null;
    try {
      if (reply.data.length > 0) result = reply.json();
    } catch {
      throw new FaultError("service_failed", "its answer is not JSON");
    }
    session.send({ type: "result", id, data: result });
    context.end();
  } catch (error) {
    context.end(faultOf(error).code);
    throw error;
  }
}
