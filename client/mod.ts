/**
 * The client of Hopwire for browsers, workers, Node, Deno and Bun. This module is its whole public API.
 *
 * @module
 */
export { Hopwire } from "./hopwire.ts";
export type { Room } from "./room.ts";
export type { Emitter } from "./emitter.ts";
export { newTraceparent } from "./traceparent.ts";
export { type ClientErrorCode, HopwireError } from "./errors.ts";
export type { HopwireEvents, RoomEvents, State, StateEvent } from "./events.ts";
export type {
  CallOptions,
  Clock,
  HistoryOptions,
  HopwireOptions,
  JoinOptions,
  SendOptions,
  TokenSource,
  TraceOptions,
  TransportName,
  WebSocketLike,
} from "./options.ts";
export type { PlatformAbortSignal, PlatformFetch } from "./platform.ts";
export type { Schema, SchemaIssue, SchemaResult } from "./schema.ts";
export type {
  Ack,
  InvalidContent,
  Member,
  Message,
  MessageInfo,
  PresenceState,
  Signal,
  UserEvent,
} from "./types.ts";
