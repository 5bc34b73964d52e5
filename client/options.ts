/**
 * What an application passes to the client.
 *
 * @module
 */
import type { PlatformAbortSignal, PlatformFetch } from "./platform.ts";
import type { Schema } from "./schema.ts";
import type { PresenceState } from "./types.ts";

/** A way to reach the server: WebSocket, server-sent events, or long polling. */
export type TransportName = "websocket" | "sse" | "poll";

/**
 * A token, or a function that returns one. The client calls the function to connect and again before
 * the token expires. `signal` aborts when the client no longer needs the token.
 */
export type TokenSource =
  | string
  | ((options: { signal: PlatformAbortSignal }) => string | Promise<string>);

/** The client's source of time. Tests replace it. */
export interface Clock {
  /** Returns the time in milliseconds, counted from any fixed point. */
  now(): number;
  /** Runs `callback` after `milliseconds`, and returns what {@link Clock.clearTimeout} takes. */
  setTimeout(callback: () => void, milliseconds: number): unknown;
  /** Cancels a timer. */
  clearTimeout(timer: unknown): void;
}

/** The part of the WebSocket API that the client uses. */
export interface WebSocketLike {
  /** 1 while the socket is open. */
  readonly readyState: number;
  /** Bytes that are queued but not yet sent. */
  readonly bufferedAmount: number;
  /** Called when the socket is open. */
  onopen: ((event: never) => void) | null;
  /** Called with each message; its `data` is a string. */
  onmessage: ((event: never) => void) | null;
  /** Called when the socket is closed, with `code` and `reason`. */
  onclose: ((event: never) => void) | null;
  /** Called on an error. */
  onerror: ((event: never) => void) | null;
  /** Sends a text message. */
  send(data: string): void;
  /** Closes the socket. */
  close(code?: number, reason?: string): void;
}

/** Options of {@link Hopwire}. */
export interface HopwireOptions {
  /** The user's token. Pass a function, so that the client can get a new token when it needs one. */
  token: TokenSource;
  /** Allowed transports, best first. Default: `websocket`, `sse`, `poll`. */
  transports?: TransportName[];
  /** A WebSocket class for platforms without one, such as Node 20 with the package `ws`. */
  WebSocket?: new (url: string) => WebSocketLike;
  /** A replacement for the platform's `fetch`. */
  fetch?: PlatformFetch;
  /** Failed attempts in a row before the client closes with `reconnect-failed`. Default: no limit. */
  maxAttempts?: number;
  /** How long one attempt to connect may take, milliseconds. Default: 8,000. */
  connectTimeout?: number;
  /** Time between two pings, milliseconds, at most 30,000. Default: 20,000. */
  pingInterval?: number;
  /** How long the server may be silent after a ping, milliseconds. Default: 10,000. */
  pingTimeout?: number;
  /** Messages that may wait for their acknowledgement. Default: 1,000. */
  maxQueue?: number;
  /**
   * Whether to measure how long messages take in this client, and to report it to the server: at most
   * 100 measurements each 5 s. Default: false.
   */
  measure?: boolean;
  /** Closes the client when it aborts. */
  signal?: PlatformAbortSignal;
  /**
   * Where the client remembers that it needed a fallback transport. Default: the page's
   * `localStorage`, if there is one. Null remembers nothing.
   */
  storage?: {
    getItem(key: string): string | null;
    setItem(key: string, value: string): void;
  } | null;
  /** The source of time, for tests. */
  clock?: Clock;
  /** The source of randomness for backoff, for tests: returns a number from 0 up to 1. */
  random?: () => number;
}

/** Options of {@link Hopwire.join}. */
export interface JoinOptions<Content = unknown, SignalContent = unknown> {
  /**
   * Checks the content of messages, except erased ones. Those that do not match raise the event
   * `invalid`, and nothing else. Default: every content is accepted.
   */
  schema?: Schema<Content>;
  /** The same for signals. */
  signalSchema?: Schema<SignalContent>;
  /** Where to resume: a value of {@link Room.since} that the application kept. */
  since?: { seq: number; epoch: string };
  /** Whether to keep the list of members in {@link Room.members}. Default: true. */
  presence?: boolean;
  /** This user's state in the room. {@link Room.setPresence} changes it later. Default: none. */
  presenceState?: PresenceState;
  /**
   * Whether to receive {@link Message.traceparent} of messages whose trace is recorded. Without the
   * right `trace` the server refuses the join. Default: false.
   */
  trace?: boolean;
}

/** Options of {@link Room.signal}, and of everything else that can be traced. */
export interface TraceOptions {
  /** The W3C trace context of the caller. What the server does becomes a part of that trace. */
  traceparent?: string;
  /**
   * Whether the server must record the trace, whatever its sampling ratio. Requires the right `trace` in
   * the room; for a call in any room.
   */
  trace?: boolean;
}

/** Options of {@link Room.send}. */
export interface SendOptions extends TraceOptions {
  /**
   * The message's id, 1 to 64 visible ASCII characters. Default: a random id. The server stores an
   * id once within its deduplication window of two minutes.
   */
  id?: string;
  /** Stops waiting for the acknowledgement. The server may store the message all the same. */
  signal?: PlatformAbortSignal;
}

/** Options of {@link Room.history}. Pass `before` or `after`, not both. */
export interface HistoryOptions {
  /** Return messages with a lower `seq`, newest first. Default: start with the newest message. */
  before?: number;
  /** Return messages with a higher `seq`, oldest first. */
  after?: number;
  /** Messages in one request, at most 500. Default: 50. */
  pageSize?: number;
  /** Ends the iteration with the signal's reason. */
  signal?: PlatformAbortSignal;
}

/** Options of {@link Hopwire.call}. Pass `traceparent` to know the trace: see {@link newTraceparent}. */
export interface CallOptions<Result = unknown> extends TraceOptions {
  /** Checks the answer; the call rejects with `invalid_content` if it does not match. Default: none. */
  schema?: Schema<Result>;
  /** How long the service may take, milliseconds, at most 30,000. Default: 5,000. */
  timeout?: number;
  /** Stops waiting for the answer. The service may do the work all the same. */
  signal?: PlatformAbortSignal;
}
