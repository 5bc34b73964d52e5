/**
 * For tests: WebSockets without a network. The test plays the server.
 *
 * @module
 */
import type { WebSocketLike } from "./options.ts";

/** A WebSocket that records what the client sends. */
export class FakeSocket implements WebSocketLike {
  readyState = 0;
  bufferedAmount = 0;
  onopen: WebSocketLike["onopen"] = null;
  onmessage: WebSocketLike["onmessage"] = null;
  onclose: WebSocketLike["onclose"] = null;
  onerror: WebSocketLike["onerror"] = null;
  /** Every frame that the client sent. */
  readonly sent: { type: string; [field: string]: unknown }[] = [];
  readonly url: string;

  constructor(url: string) {
    this.url = url;
  }

  send(text: string): void {
    this.sent.push(JSON.parse(text));
  }

  close(): void {
    this.readyState = 3;
  }

  /** The server accepts the connection. */
  open(): void {
    this.readyState = 1;
    this.onopen?.({} as never);
  }

  /** The client receives a frame. */
  receive(frame: object): void {
    this.onmessage?.({ data: JSON.stringify(frame) } as never);
  }

  /** The server accepts the connection and the token. */
  accept(more: object = {}): void {
    this.open();
    this.receive({
      type: "authenticated",
      userId: "ann",
      username: "Ann",
      expiresAt: null,
      ...more,
    });
  }

  /** The connection ends, by default without a close frame. */
  disconnect(code = 1006, reason = ""): void {
    this.readyState = 3;
    this.onclose?.({ code, reason } as never);
  }

  /** Returns the frames of one type that the client sent. */
  sentOf(type: string): FakeSocket["sent"] {
    return this.sent.filter((frame) => frame.type === type);
  }
}

/** Returns a WebSocket class and the sockets it has created. `onCreate` receives each new socket. */
export function fakeSockets(onCreate: (socket: FakeSocket) => void = () => {}): {
  WebSocket: new (url: string) => WebSocketLike;
  sockets: FakeSocket[];
} {
  const sockets: FakeSocket[] = [];
  return {
    sockets,
    WebSocket: class extends FakeSocket {
      constructor(url: string) {
        super(url);
        sockets.push(this);
        onCreate(this);
      }
    },
  };
}
