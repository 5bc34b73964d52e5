/**
 * The load client: thousands of WebSocket clients in one thread, on raw sockets. It locates the
 * server's frames in the bytes without parsing them, except those that are neither messages nor
 * acks.
 *
 * @module
 */
import { clientFrame, CLOSE, concat, PING, PONG, TEXT } from "./client_frame.ts";
import { clock, TIME_DIGITS, timeAt } from "./clock.ts";
import type { Histogram } from "./histogram.ts";
import { openSockets, type Sockets } from "./epoll.ts";

/** Size of the receive buffer, bytes. */
const RECEIVE_BYTES = 1024 * 1024;

/**
 * Most unsent bytes of a client whose server does not read. Above this the client drops its sends.
 */
const MAX_UNSENT_BYTES = 256 * 1024;

/** Most connections that open concurrently. */
const OPENING_AT_A_TIME = 128;

/** Offset of the id in an ack: after `{"type":"ack","id":"`. */
const ACK_ID = 20;

const NOTHING = new Uint8Array();

const [QUOTE, LETTER_A, LETTER_C, LETTER_M, LETTER_R] = [34, 97, 99, 109, 114];

/** One client. */
export interface Connection {
  readonly fd: number;
  readonly index: number;
  state: "connecting" | "upgrading" | "open" | "closed";
  /** The number of messages delivered to this client. */
  delivered: number;
  /** The handshake request. */
  request: string;
  rest: Uint8Array | null;
  unsent: Uint8Array | null;
}

/** Many clients, driven by one event loop. */
export class Swarm implements Disposable {
  /** Open connections, in the order they were opened. */
  readonly connections = new Set<Connection>();
  /** The number of messages received by all clients. */
  delivered = 0;
  /** The number of acks received by all clients. */
  acked = 0;
  /** If set, collects the latency of each message since it was due. */
  latency: Histogram | null = null;
  /** If set, collects the latency of each ack since its message was due. */
  ackLatency: Histogram | null = null;
  /** The number of connections that the server closed, by close code; 0 if it sent none. */
  readonly lost = new Map<number, number>();
  /** The number of dropped sends, because the server did not read. */
  unsendable = 0;
  /** Called with each frame that is neither a message nor an ack. */
  onText: (connection: Connection, text: string) => void = () => {};
  /** If set, called with the text of each ack. */
  onAck: ((text: string) => void) | null = null;
  readonly #sockets: Sockets;
  readonly #byFd: (Connection | undefined)[] = [];
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  #opened = 0;
  #yielded = 0;

  constructor() {
    this.#sockets = openSockets();
  }

  /** Starts one connection. `request` is the complete handshake request. */
  open(port: number, request: string): Connection {
    const fd = this.#sockets.connect(port);
    const index = this.#opened++;
    const connection: Connection = {
      fd,
      index,
      state: "connecting",
      delivered: 0,
      request,
      rest: null,
      unsent: null,
    };
    this.connections.add(connection);
    this.#byFd[fd] = connection;
    return connection;
  }

  /** Sends one text frame. Returns whether it was accepted. */
  send(connection: Connection, text: string): boolean {
    if (connection.state !== "open") return false;
    if ((connection.unsent?.length ?? 0) > MAX_UNSENT_BYTES) {
      this.unsendable++;
      return false;
    }
    this.#write(connection, clientFrame(TEXT, this.#encoder.encode(text)));
    return true;
  }

  /** Closes one connection without a close frame. */
  close(connection: Connection): void {
    if (connection.state === "closed") return;
    connection.state = "closed";
    this.connections.delete(connection);
    this.#byFd[connection.fd] = undefined;
    this.#sockets.close(connection.fd);
  }

  /**
   * Runs the event loop until `done` returns true. Calls `work` before each poll; it returns how
   * many milliseconds the poll may wait. Throws after `deadline` milliseconds.
   */
  async run(
    what: string,
    done: () => boolean,
    deadline: number,
    work?: () => number,
  ): Promise<void> {
    const end = performance.now() + deadline;
    while (!done()) {
      const wait = work?.() ?? 5;
      this.#sockets.poll(wait, this.#ready);
      const now = performance.now();
      if (now > end) throw new Error(`${what} took more than ${deadline} ms`);
      // Yield to the rest of this process, which reads the servers' output.
      if (now - this.#yielded > 100) {
        await new Promise((resolve) => setTimeout(resolve));
        this.#yielded = performance.now();
      }
    }
  }

  /** Opens connections, a limited number at a time, and runs until all are `ready`. */
  async openAll(
    count: number,
    make: (index: number) => Connection,
    ready: (connection: Connection) => boolean,
    deadline: number,
  ): Promise<void> {
    const opening = new Set<Connection>();
    let opened = 0;
    await this.run(
      `opening ${count} connections`,
      () => {
        for (const connection of opening) {
          if (connection.state === "closed") throw new Error("a connection was refused");
          if (ready(connection)) opening.delete(connection);
        }
        return opened === count && opening.size === 0;
      },
      deadline,
      () => {
        while (opened < count && opening.size < OPENING_AT_A_TIME) opening.add(make(opened++));
        return 1;
      },
    );
  }

  [Symbol.dispose](): void {
    for (const connection of this.connections) this.close(connection);
    this.#sockets[Symbol.dispose]();
  }

  readonly #ready = (fd: number, readable: boolean, writable: boolean): void => {
    const connection = this.#byFd[fd];
    if (connection === undefined) return;
    if (writable) this.#writable(connection);
    if (readable) this.#readable(connection);
  };

  #writable(connection: Connection): void {
    this.#sockets.watchWritable(connection.fd, false);
    if (connection.state === "connecting") {
      connection.state = "upgrading";
      this.#write(connection, this.#encoder.encode(connection.request));
    } else if (connection.unsent !== null) {
      const bytes = connection.unsent;
      connection.unsent = null;
      this.#write(connection, bytes);
    }
  }

  #write(connection: Connection, bytes: Uint8Array): void {
    if (connection.unsent !== null) {
      connection.unsent = concat(connection.unsent, bytes);
      return;
    }
    const sent = Math.max(0, this.#sockets.send(connection.fd, bytes));
    if (sent === bytes.length) return;
    connection.unsent = bytes.slice(sent);
    this.#sockets.watchWritable(connection.fd, true);
  }

  #readable(connection: Connection): void {
    let length = 0;
    if (connection.rest !== null) {
      this.#buffer.set(connection.rest);
      length = connection.rest.length;
      connection.rest = null;
    }
    const got = this.#sockets.receive(connection.fd, this.#buffer.subarray(length));
    if (got === 0) {
      this.#lose(connection, 0);
      return;
    }
    length += Math.max(0, got);
    let at = 0;
    if (connection.state === "upgrading") {
      at = this.#upgraded(connection, length);
      if (at === 0) {
        connection.rest = this.#buffer.slice(0, length);
        return;
      }
    }
    at = this.#frames(connection, at, length);
    if (at < length && connection.state !== "closed") {
      connection.rest = this.#buffer.slice(at, length);
    }
  }

  /** Returns the offset after the handshake response, or 0 while it is incomplete. */
  #upgraded(connection: Connection, length: number): number {
    const text = this.#decoder.decode(this.#buffer.subarray(0, length));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    if (!text.startsWith("HTTP/1.1 101")) throw new Error(`refused: ${text.split("\r\n")[0]}`);
    connection.state = "open";
    return end + 4;
  }

  #lose(connection: Connection, code: number): void {
    this.lost.set(code, (this.lost.get(code) ?? 0) + 1);
    this.close(connection);
  }

  #frames(connection: Connection, at: number, length: number): number {
    const buffer = this.#buffer;
    const now = clock();
    while (length - at >= 2) {
      let size = buffer[at + 1]!;
      let start = at + 2;
      if (size === 126) {
        if (length - at < 4) break;
        size = buffer[at + 2]! * 256 + buffer[at + 3]!;
        start = at + 4;
      } else if (size === 127) {
        if (length - at < 10) break;
        size = buffer[at + 6]! * 2 ** 24 + buffer[at + 7]! * 2 ** 16 + buffer[at + 8]! * 256 +
          buffer[at + 9]!;
        start = at + 10;
      }
      if (start + size > length) break;
      const opcode = buffer[at]! & 15;
      at = start + size;
      if (opcode === CLOSE) {
        this.#lose(connection, size < 2 ? 0 : buffer[start]! * 256 + buffer[start + 1]!);
      }
      if (opcode === PING) this.#write(connection, clientFrame(PONG, NOTHING));
      if (opcode !== TEXT) continue;
      const first = buffer[start + 9];
      if (first === LETTER_R && buffer[start + 14] === LETTER_M) {
        connection.delivered++;
        this.delivered++;
        // The content is the last field and ends with the time: `...0123456789012345"}`.
        this.latency?.add(now - timeAt(buffer, at - 2 - TIME_DIGITS));
      } else if (
        first === LETTER_A && buffer[start + 10] === LETTER_C && buffer[start + 19] === QUOTE
      ) {
        this.acked++;
        this.onAck?.(this.#decoder.decode(buffer.subarray(start, at)));
        this.ackLatency?.add(now - timeAt(buffer, start + ACK_ID));
      } else {
        this.onText(connection, this.#decoder.decode(buffer.subarray(start, at)));
      }
    }
    return at;
  }
}
