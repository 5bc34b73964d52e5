/**
 * What the parts of a room need from outside. The client and the public room supply it, so that the
 * parts do not import them.
 *
 * @module
 */
import type { ServerFrame } from "../services/contract/frames.ts";
import type { HopwireError } from "./errors.ts";
import type { RoomEvents } from "./events.ts";
import type { Clock } from "./options.ts";
import type { OutgoingFrame } from "./send_queue.ts";

/** Sends a request about a room and resolves with the server's answer. */
export type SendRequest = (
  frame: object & { room: string },
  options?: Pick<OutgoingFrame, "signal" | "onAnswer">,
) => Promise<ServerFrame>;

/** Emits an event of one room to the application. */
export type EmitRoomEvent = <Name extends keyof RoomEvents>(
  name: Name,
  event: RoomEvents[Name],
) => void;

/**
 * Records how long a hop of a message took that began at `from`, a time of the client's clock. `root` says
 * that the hop is the span of `traceparent` and begins the trace.
 */
export type Measure = (
  hop: "client.send" | "client.receive",
  from: number,
  room: string,
  traceparent?: string,
  root?: boolean,
) => void;

/** The services of a client for its rooms. */
export interface RoomClient {
  /** The source of time. */
  clock: Clock;
  /** Whether the connection is up. */
  isConnected(): boolean;
  /** The id of the user that the token names; undefined before the first connection. */
  userId(): string | undefined;
  /** Whether signals should be dropped, because the link or the rate limit has no room for them. */
  isCongested(): boolean;
  /** Sends a frame, or its text, at once. */
  send(frame: object | string): void;
  /** Queues a message. Resolves with the server's acknowledgement. */
  sendMessage(message: OutgoingFrame): Promise<ServerFrame>;
  /** Records how long a hop took that began at `from`. Absent if the client does not measure. */
  measure?: Measure | undefined;
  /** Queues a request. */
  request: SendRequest;
  /** The room can send now: flushes what was queued for it. */
  flush(): void;
  /** The room ended: forgets it and rejects what is queued for it. */
  roomEnded(name: string, error: HopwireError): void;
}
