/**
 * The data that the client receives from the server. A test compares these types with the contract's.
 *
 * @module
 */
import type { HopwireError } from "./errors.ts";

/** What every message has, whatever its content. */
export interface MessageInfo {
  /** The room's name. */
  room: string;
  /** The message's number in its room. It rises with every message; 0 in a room that stores none. */
  seq: number;
  /** The `seq` of the message before it in the same room; 0 if there is none. */
  prev: number;
  /** The id that the sender chose, or a random one. */
  id: string;
  /** The sender's user id, from its token. */
  userId: string;
  /** The sender's display name, from its token. */
  username: string;
  /** When the server received it, by the server's clock; milliseconds since 1970. */
  timestamp: number;
  /** The message's trace context, if it is recorded and the room was joined with `trace`. */
  traceparent?: string | undefined;
}

/**
 * A message of a room. `content` is the value that the sender passed, of which the server checks only
 * that it is JSON of at most 32 KiB. `erased` is true if the message was erased: then `content` is null
 * and the sender is unknown.
 */
export type Message<Content = unknown> =
  & MessageInfo
  & ({ content: Content; erased?: undefined } | { content: null; erased: true });

/** A transient event in a room, such as typing or a cursor position. The server does not store it. */
export interface Signal<Content = unknown> {
  /** The room's name. */
  room: string;
  /** The sender's user id, from its token. */
  userId: string;
  /** The sender's display name, from its token. */
  username: string;
  /** The value that the sender passed. The server checks only that it is JSON of at most 32 KiB. */
  content: Content;
}

/** A message or a signal whose content does not match the schema of its room. */
export interface InvalidContent {
  /** The message or the signal as it arrived. */
  received: Message | Signal;
  /** What is wrong with it. The code is `invalid_content`. */
  error: HopwireError;
}

/** A user's state in a room: a small JSON object, such as `{ status: "away" }`. */
export type PresenceState = Record<string, unknown>;

/** A user who is present in a room. */
export interface Member {
  /** The user id, from the user's token. */
  userId: string;
  /** The display name, from the user's token. */
  username: string;
  /** The user's state in the room, if the user has set one. Other users chose its content. */
  presence?: PresenceState;
}

/** The server's acknowledgement: the message is stored, or passed on in a room that stores none. */
export interface Ack {
  /** The message's id. */
  id: string;
  /** The room's name. */
  room: string;
  /** The message's number in its room; 0 in a room that stores none. */
  seq: number;
  /** Whether a message with this id was stored before. Then `seq` is the number of that one. */
  duplicate: boolean;
  /** The message's trace, if `trace` or `traceparent` was given and the server supports it. */
  traceId?: string | undefined;
}

/** An event that a service sent to this user. */
export interface UserEvent {
  /** What the event is about, chosen by the service. */
  topic: string;
  /** The event's data, chosen by the service. */
  data: unknown;
}
