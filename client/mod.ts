/**
 * Hopwire's client, for browsers, workers, Node, Deno and Bun. This is all of its public API.
 *
 * @module
 */
export { Hopwire, type HopwireEvents } from "./hopwire.ts";
export { Room, type RoomEvents } from "./room.ts";
export type { Emitter } from "./emitter.ts";
export { type ClientErrorCode, HopwireError } from "./errors.ts";
export type {
  Ack,
  CallOptions,
  Clock,
  HistoryOptions,
  HopwireOptions,
  JoinOptions,
  Member,
  Message,
  SendOptions,
  Signal,
  State,
  StateEvent,
  TokenSource,
  TransportName,
  UserEvent,
  WebSocketLike,
} from "./types.ts";
