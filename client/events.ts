/**
 * The events of the client and of its rooms.
 *
 * @module
 */
import type { HopwireError } from "./errors.ts";
import type { TransportName } from "./options.ts";
import type { InvalidContent, Member, Message, Signal, UserEvent } from "./types.ts";

/**
 * The state of the connection. `connecting`: an attempt is in progress. `connected`: the server
 * accepted the token. `waiting`: the connection is lost, and the next attempt is scheduled. `closed`:
 * the client has ended.
 */
export type State = "connecting" | "connected" | "waiting" | "closed";

/** A change of {@link State}. */
export interface StateEvent {
  /** The new state. */
  state: State;
  /** The transport that is in use or being tried. */
  transport: TransportName;
  /** In `waiting`: milliseconds until the next attempt. */
  retryIn?: number;
  /** In `waiting` and `closed`: why the connection ended. For people; the text may change. */
  reason?: string;
}

/** Events of {@link Hopwire}. */
export interface HopwireEvents {
  /** The connection changed its state. */
  state: StateEvent;
  /** A service sent an event to this user. */
  event: UserEvent;
  /** An error that belongs to no room and no request, such as a token function that failed. */
  error: unknown;
  /** `maxAttempts` attempts in a row failed. The client is closed. */
  "reconnect-failed": HopwireError;
}

/** Events of {@link Room}. */
export interface RoomEvents<Content = unknown, SignalContent = unknown> {
  /** A message arrived, in order and once. */
  message: Message<Content>;
  /** A signal arrived. */
  signal: Signal<SignalContent>;
  /** A message or a signal arrived that does not match the schema. No other event reports it. */
  invalid: InvalidContent;
  /**
   * The room was joined, for the first time or again. `recovered`: no message is missing; those that
   * were missed follow. `seq` and `epoch` are the end of the room's log.
   */
  joined: { recovered: boolean; seq: number; epoch: string };
  /**
   * Messages with a `seq` above `after` and below `before` could not be recovered. The room continues
   * behind the gap. Read them with {@link Room.history} if they are still stored.
   */
  lost: { after: number; before: number };
  /** A message was erased: remove its content where it is shown. */
  erased: { seq: number };
  /** A user joined the room. */
  "member-joined": Member;
  /** A user left the room. */
  "member-left": Member;
  /** The state or the name of a member changed. */
  "member-updated": Member;
  /** Users came or went, or the list was read: {@link Room.members} or {@link Room.count} changed. */
  members: { count: number };
  /** The server refused a frame of this room, or did not let the client join. */
  error: HopwireError;
  /** The room ended: by {@link Room.leave}, by the server, or because the client closed. */
  left: { reason: string };
}
