/**
 * Every NATS subject of Hopwire, and the headers that travel on them. No I/O.
 *
 * @module
 */
import { bucketOf } from "./rooms.ts";

/** The stream that holds every stored message: the total order of each room, and the log. */
export const ROOMS_STREAM = "ROOMS";

/** What {@link ROOMS_STREAM} stores, and what the server republishes a stored message as. */
export const ROOMS_STREAM_SUBJECT = "room.message.>";
export const ROOMS_STREAM_REPUBLISHED = "room.live.>";

/** The durable consumer of {@link ROOMS_STREAM} that fills the archive. */
export const ARCHIVE_CONSUMER = "archive";

/** The key-value bucket of who is in which room; see `services/rooms/presence.ts` for its keys. */
export const PRESENCE_BUCKET = "PRESENCE";

/** Header names. The first two are NATS's own, set on republished messages. */
export const HEADERS = {
  sequence: "Nats-Sequence",
  lastSequence: "Nats-Last-Sequence",
  messageId: "Nats-Msg-Id",
  /** Why a request failed, as NATS services write it (ADR-32): the sentence and the code. */
  error: "Nats-Service-Error",
  errorCode: "Nats-Service-Error-Code",
  retryAfter: "Hopwire-Retry-After",
  /** Set by a gateway on an event it built and checked itself. */
  checked: "Hopwire-Checked",
  traceparent: "traceparent",
  /** Of a request over HTTP that is passed on: which it is; of its answer: the status. */
  http: "Hopwire-Http",
} as const;

/** Where a message to be stored is published. Carries a `RoomEvent`. */
export function messageSubject(room: string): string {
  return `room.message.${bucketOf(room)}.${room}`;
}

/** Where the server republishes stored messages, and ephemeral rooms' messages are published. */
export function liveSubject(room: string): string {
  return `room.live.${bucketOf(room)}.${room}`;
}

/** Ephemeral signals of a room. Carries a `SignalEvent`. */
export function signalSubject(room: string): string {
  return `room.signal.${bucketOf(room)}.${room}`;
}

/**
 * Changes of who is in a room: one `PresenceEvent` a user. The token before the room is the user,
 * by {@link subjectToken}.
 */
export function presenceSubject(room: string, user: string): string {
  return `room.presence.${bucketOf(room)}.${user}.${room}`;
}

/** Events for one user, from any service. Carries a `UserEvent`. */
export function userEventSubject(userId: string): string {
  return `user.event.${subjectToken(userId)}`;
}

/** Said when every token of a user is void. */
export function revokedSubject(userId: string): string {
  return `auth.revoked.${subjectToken(userId)}`;
}

/** Requests over HTTP for a session that this gateway holds, from those that others were sent. */
export function gatewaySessionSubject(gateway: string): string {
  return `gateway.session.${gateway}`;
}

/** A method of a service that clients may call. */
export function callSubject(service: string, method: string): string {
  return `call.${service}.${method}`;
}

/**
 * The room of a `room.message`, `room.live` or `room.signal` subject.
 *
 * @example
 * ```ts
 * import { messageSubject, roomOfSubject } from "./subjects.ts";
 * import assert from "node:assert/strict";
 * assert.equal(messageSubject("chat.lobby"), "room.message.29.chat.lobby");
 * assert.equal(roomOfSubject("room.message.29.chat.lobby"), "chat.lobby");
 * ```
 */
export function roomOfSubject(subject: string): string {
  return subject.slice(subject.indexOf(".", subject.indexOf(".", 5) + 1) + 1);
}

/**
 * Any text as one token of a subject (and of a key): itself where it is plain, else `=` and its
 * UTF-8 in base64url. Two texts never share a token.
 *
 * @example
 * ```ts
 * import { subjectToken, subjectTokenText } from "./subjects.ts";
 * import assert from "node:assert/strict";
 * assert.equal(subjectToken("alice_7"), "alice_7");
 * assert.equal(subjectToken("a.b"), "=YS5i");
 * assert.equal(subjectTokenText("=YS5i"), "a.b");
 * ```
 */
export function subjectToken(text: string): string {
  if (/^[A-Za-z0-9_-]+$/.test(text)) return text;
  return "=" +
    new TextEncoder().encode(text).toBase64({ alphabet: "base64url", omitPadding: true });
}

/** The text that {@link subjectToken} made `token` of. Throws a SyntaxError on any other. */
export function subjectTokenText(token: string): string {
  if (!token.startsWith("=")) return token;
  return new TextDecoder().decode(Uint8Array.fromBase64(token.slice(1), { alphabet: "base64url" }));
}
