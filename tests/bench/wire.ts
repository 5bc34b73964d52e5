/**
 * How a client speaks to a target: what it sends, and how the load client recognizes deliveries and
 * acks in the received bytes without parsing them.
 *
 * @module
 */

/** What one client needs to connect. */
export interface Ticket {
  /** The complete handshake request. */
  request: string;
  /** The frame to send once the connection is open; null if the handshake carries the token. */
  hello: string | null;
}

/** What a frame from the server means to a client that joins. */
export interface Reply {
  kind: "authenticated" | "subscribed" | "error" | "other";
  /** The room that it is about, if the protocol says so. */
  room?: string;
  /** The code of an error. */
  code?: string;
  /** How long a refused client is to wait, milliseconds. */
  retryAfter?: number;
}

/** A message that reached a client. */
export interface Delivery {
  /** When it was due, by the clock of the load client. */
  due: number;
  /** The frame. */
  text: string;
}

/** A wire protocol. The contents of all messages end with their due time (see `clock.ts`). */
export interface Wire {
  readonly name: string;
  /** Whether a WebSocket message may carry several frames, one per line. */
  readonly lines: boolean;
  /** The answer to an empty frame, which some protocols use as ping. */
  readonly pong: string | null;
  /** What a client with this token needs. */
  ticket(token: string): Ticket;
  /** The frame that joins a room, optionally resuming from a position. */
  subscribe(room: string, since?: unknown): string;
  /** The frame that leaves a room. */
  unsubscribe(room: string): string;
  /** The frame that publishes a message. With an id, which starts with the due time, it is acked. */
  message(room: string, id: string | undefined, content: string): string;
  /** The position in a room's log, from the `subscribed` frame and the last delivery, if any. */
  positionOf(subscribed: string, last: string | undefined): unknown;
  /** The offset of the due time in a delivery; -1 for any other frame. */
  deliveredAt(buffer: Uint8Array, start: number, end: number): number;
  /** The due time of the message that this frame acks; -1 for any other frame. */
  acked(buffer: Uint8Array, start: number, end: number, now: number): number;
  /** Reads a frame that is neither a delivery nor an ack. */
  read(text: string): Reply;
  /** The messages inside the answer to a resuming `subscribe`, if the protocol puts them there. */
  replayed: ((text: string) => Delivery[]) | null;
}

/** Returns a handshake request. `headers` are complete lines. */
export function upgradeRequest(path: string, headers: string[]): string {
  return [
    `GET ${path} HTTP/1.1`,
    "Host: 127.0.0.1",
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
    ...headers,
    "\r\n",
  ].join("\r\n");
}
