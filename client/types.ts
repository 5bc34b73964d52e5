/**
 * What the SDK gives and takes. A test holds these against the contract's own types.
 *
 * @module
 */

/** A message of a room. `seq` rises; in a room that stores nothing it is 0. */
export interface Message {
  room: string;
  seq: number;
  /** The seq of the room's message before it. */
  prev: number;
  id: string;
  userId: string;
  username: string;
  /** Whatever its sender sent; nothing is known of it but that it was JSON. */
  content: unknown;
  /** Milliseconds since 1970, by the server's clock. */
  timestamp: number;
}

/** Something of the moment: typing, a cursor. */
export interface Signal {
  room: string;
  userId: string;
  username: string;
  content: unknown;
}

/** Somebody who is in a room. */
export interface Member {
  userId: string;
  username: string;
}

/** The server has stored a message (in a room that stores nothing: has passed it on). */
export interface Ack {
  id: string;
  room: string;
  seq: number;
  /** Whether it had been stored before: `seq` is that one's. */
  duplicate: boolean;
}

/** Something for this user, from a service. */
export interface UserEvent {
  topic: string;
  data: unknown;
}

/** A way to reach the server, in the order in which they are tried. */
export type TransportName = "websocket" | "sse" | "poll";

/**
 * `connecting`: a connection is being made. `connected`: it is there, and the token was good.
 * `waiting`: it was lost, and is tried again in a while. `closed`: for good.
 */
export type State = "connecting" | "connected" | "waiting" | "closed";

/** A change of {@link State}. */
export interface StateEvent {
  state: State;
  /** How the connection is made. */
  transport: TransportName;
  /** While waiting: milliseconds until the next attempt. */
  retryIn?: number;
  /** Why it was lost or closed. */
  reason?: string;
}

/** Gives a token, each time one is wanted: to connect, and before the last one expires. */
export type TokenSource =
  | string
  | ((options: { signal: AbortSignal }) => string | Promise<string>);

/** Time, as the SDK wants it: handed in by tests. */
export interface Clock {
  /** Milliseconds, of any origin. */
  now(): number;
  setTimeout(callback: () => void, milliseconds: number): unknown;
  clearTimeout(timer: unknown): void;
}

/** The part of a WebSocket that is used. */
export interface WebSocketLike {
  readonly readyState: number;
  readonly bufferedAmount: number;
  onopen: ((event: never) => void) | null;
  onmessage: ((event: never) => void) | null;
  onclose: ((event: never) => void) | null;
  onerror: ((event: never) => void) | null;
  send(data: string): void;
  close(code?: number, reason?: string): void;
}

/** Options of a client. */
export interface HopwireOptions {
  /** Who the client is. A function is asked again whenever a fresh token is needed. */
  token: TokenSource;
  /** Ways to connect, best first; all of them when not given. */
  transports?: TransportName[];
  /** For a platform that has none of its own (Node 20: the `WebSocket` of package `ws`). */
  WebSocket?: new (url: string) => WebSocketLike;
  fetch?: typeof fetch;
  /** Attempts in a row after which it gives up and says `reconnect-failed`; never when not given. */
  maxAttempts?: number;
  /** How long connecting may take, milliseconds; 8,000. */
  connectTimeout?: number;
  /** How often the connection is tried by a ping, milliseconds; 20,000 (30,000 at most). */
  pingInterval?: number;
  /** How long nothing may come after a ping, milliseconds; 10,000. */
  pingTimeout?: number;
  /** Messages that may wait to be sent or acked; one more is refused with `queue_full`; 1,000. */
  maxQueue?: number;
  /** Closes the client when it is aborted. */
  signal?: AbortSignal;
  /** Where the transport that worked is remembered; `localStorage` where there is one, null for nowhere. */
  storage?: Pick<Storage, "getItem" | "setItem"> | null;
  /** For tests. */
  clock?: Clock;
  random?: () => number;
}

/** Options of {@link Room.send}. */
export interface SendOptions {
  /** The message's own id; a random one when not given. Sent again with the same it is stored once. */
  id?: string;
  /** W3C trace context: the message's trace becomes a part of the caller's. */
  traceparent?: string;
  /** Gives up waiting. The message may be stored all the same. */
  signal?: AbortSignal;
}

/** Options of {@link Room.history}: the newest first, or with `after` the oldest first. */
export interface HistoryOptions {
  before?: number;
  after?: number;
  /** Messages asked for at a time, 500 at most; 50. */
  pageSize?: number;
  signal?: AbortSignal;
}

/** Options of {@link Hopwire.join}. */
export interface JoinOptions {
  /** Where to go on from: the last message seen, say before the page was left. */
  since?: { seq: number; epoch: string };
  /** Whether to keep {@link Room.members}; true. */
  presence?: boolean;
}

/** Options of {@link Hopwire.call}. */
export interface CallOptions {
  /** Milliseconds, 30,000 at most; 5,000. */
  timeout?: number;
  signal?: AbortSignal;
}
