/**
 * All NATS subjects and headers that Hopwire uses. No I/O.
 *
 * @module
 */
import { bucketOf } from "./rooms.ts";

/**
 * The stream that holds every stored message, or the first of several: see `streams.ts`. It is the log,
 * and defines the total order of each room.
 */
export const ROOMS_STREAM = "ROOMS";

/** The subjects of all stored messages. */
export const ROOMS_STREAM_SUBJECT = "room.message.>";
/** The subjects on which the NATS server republishes the messages that it has stored. */
export const ROOMS_STREAM_REPUBLISHED = "room.live.>";

/** Every {@link unstoredSubject}. */
export const UNSTORED_MESSAGES = "room.unstored.>";
/** Every {@link signalSubject}. */
export const SIGNALS = "room.signal.>";

/** Header names. The NATS server sets the first two on republished messages. */
export const HEADERS = {
  sequence: "Nats-Sequence",
  lastSequence: "Nats-Last-Sequence",
  /** When the server stored a republished message, RFC 3339; since nats-server 2.10. */
  storedAt: "Nats-Time-Stamp",
  messageId: "Nats-Msg-Id",
  /** The message and number of a refused request, as NATS services write them (ADR-32). */
  error: "Nats-Service-Error",
  errorNumber: "Nats-Service-Error-Code",
  /** The error code of this protocol: a key of ERRORS. */
  errorCode: "Hopwire-Error-Code",
  retryAfter: "Hopwire-Retry-After",
  /** Set by a gateway on an event that it built and validated itself. */
  checked: "Hopwire-Checked",
  traceparent: "traceparent",
  /**
   * On messages: when the gateway had read the frame, microseconds since 1970, `+`, and how many
   * microseconds later it handed the message to NATS.
   */
  sent: "Hopwire-Sent",
  /** On what stands for a message of another stream, in one that takes its room: the message's seq there. */
  movedSeq: "Hopwire-Moved-Seq",
  /** On a forwarded HTTP request: the kind of request. On its reply: the HTTP status. */
  http: "Hopwire-Http",
} as const;

/**
 * The subject on which nats-server (2.11 and later) reports what it did with a message whose trace is
 * recorded: `msg_trace` of its configuration.
 */
export const NATS_TRACES = "hopwire.trace";

/** The subject to publish a message to be stored on. Carries a `RoomEvent`. */
export function messageSubject(room: string): string {
  return `room.message.${bucketOf(room)}.${room}`;
}

/**
 * The `Nats-Msg-Id` of a message: within the deduplication window it is stored once, whichever way it comes.
 * User and room are part of it, so that one user's ids cannot collide with another's.
 */
export function deduplicationId(userId: string, room: string, id: string): string {
  return `${encodeURIComponent(userId)}:${room}:${id}`;
}

/** The subject on which the NATS server republishes a stored message. Nobody else may publish here. */
export function liveSubject(room: string): string {
  return `room.live.${bucketOf(room)}.${room}`;
}

/** The subject of messages in rooms that store nothing. Carries a `RoomEvent`. */
export function unstoredSubject(room: string): string {
  return `room.unstored.${bucketOf(room)}.${room}`;
}

/** The subject of a room's ephemeral signals. Carries a `SignalEvent`. */
export function signalSubject(room: string): string {
  return `room.signal.${bucketOf(room)}.${room}`;
}

/** The subject on which any service publishes events for one user. Carries a `UserEvent`. */
export function userEventSubject(userId: string): string {
  return `user.event.${subjectToken(userId)}`;
}

/** Every {@link revokedSubject}. */
export const REVOKED_EVENTS = "auth.revoked.*";

/**
 * The subject on which a service says that all tokens of a user are revoked, without waiting for an
 * answer. Whoever needs one requests `auth.revoke`.
 */
export function revokedSubject(userId: string): string {
  return `auth.revoked.${subjectToken(userId)}`;
}

/**
 * Returns a subject as logs name it: without the user of {@link userEventSubject} or {@link revokedSubject}.
 *
 * @example
 * ```ts
 * import { subjectWithoutUser } from "./subjects.ts";
 * import assert from "node:assert/strict";
 * assert.equal(subjectWithoutUser("user.event.u7"), "user.event.*");
 * assert.equal(subjectWithoutUser("rooms.join"), "rooms.join");
 * ```
 */
export function subjectWithoutUser(subject: string): string {
  return subject.replace(/^(user\.event|auth\.revoked)\..*/s, "$1.*");
}

/**
 * The subject to which other gateways forward HTTP requests for a session that this gateway holds.
 */
export function gatewaySessionSubject(gateway: string): string {
  return `gateway.session.${gateway}`;
}

/** The subject of a service method that clients may call. */
export function callSubject(service: string, method: string): string {
  return `call.${service}.${method}`;
}

/** The subject on which a service screens messages before they are stored. */
export function screenSubject(service: string): string {
  return `screen.${service}`;
}

/** The stream with which the instances of a service agree on who runs a tick of a schedule. */
export const SCHEDULES_STREAM = "SCHEDULES";

/** The subjects that {@link SCHEDULES_STREAM} stores. */
export const SCHEDULES_SUBJECT = "schedule.*.*";

/** The subject of the ticks of one schedule of a service. */
export function scheduleSubject(service: string, schedule: string): string {
  return `schedule.${service}.${schedule}`;
}

/**
 * The stream with which the instances of the HTTP API agree on who does a request that is to be done once,
 * and tell each other the answer.
 */
export const ANSWERS_STREAM = "ANSWERS";

/** The subjects that {@link ANSWERS_STREAM} stores. */
export const ANSWERS_SUBJECT = "api.answer.*";

/** The subject of one such request; `hash` tells it apart. */
export function answerSubject(hash: string): string {
  return `api.answer.${hash}`;
}

/**
 * Extracts the room from a `room.message`, `room.live`, `room.unstored` or `room.signal` subject.
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
 * Encodes any text as one token of a subject or key. Text of `A-Z a-z 0-9 _ -` stays as it is; any
 * other becomes `=` followed by its UTF-8 in base64url. Different texts never share a token.
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
  // Not `toBase64`, which Node lacks: services of others run there.
  const base64 = btoa(String.fromCharCode(...new TextEncoder().encode(text)));
  return `=${base64.replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")}`;
}

/**
 * Decodes a token that {@link subjectToken} made.
 *
 * @throws {SyntaxError} if the token starts with `=` but is not base64url
 */
export function subjectTokenText(token: string): string {
  if (!token.startsWith("=")) return token;
  const base64 = token.slice(1);
  if (!/^[A-Za-z0-9_-]*$/.test(base64) || base64.length % 4 === 1) {
    throw new SyntaxError("expected base64url");
  }
  const binary = atob(base64.replaceAll("-", "+").replaceAll("_", "/"));
  return new TextDecoder().decode(Uint8Array.from(binary, (byte) => byte.charCodeAt(0)));
}
