/**
 * The load client: thousands of WebSocket clients in one thread, on raw sockets. It locates the
 * server's frames in the bytes without parsing them, except those that are neither messages nor
 * acks.
 *
 * @module
 */
import { clientFrame, CLOSE, concat, PING, PONG, TEXT } from "./client_frame.ts";
import { clock, timeAt } from "./clock.ts";
import type { Histogram } from "./histogram.ts";
import { openSockets, type Sockets } from "./epoll.ts";
import type { Connection } from "./connection.ts";
import type { Ticket, Wire } from "./wire.ts";

/** Size of the receive buffer, bytes. */
const RECEIVE_BYTES = 1024 * 1024;

/**
 * Most unsent bytes of a client whose server does not read. Above this the client drops its sends.
 */
const MAX_UNSENT_BYTES = 256 * 1024;

const NOTHING = new Uint8Array();

const NEWLINE = 10;

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
  /** If set, called with the due time of each acked message. */
  onAck: ((connection: Connection, due: number) => void) | null = null;
  /** If set, called with each delivery. */
  onDelivery: ((connection: Connection, due: number, text: string) => void) | null = null;
  /**
   * If set, called for each connection that the server ended: with the close code and null, or with
   * 0 and the response that refused the handshake. If not set, a refused handshake throws.
   */
  onEnd: ((connection: Connection, code: number, refusal: string | null) => void) | null = null;
  readonly #wire: Wire;
  readonly #sockets: Sockets;
  readonly #byFd: (Connection | undefined)[] = [];
  readonly #buffer = new Uint8Array(RECEIVE_BYTES);
  readonly #decoder = new TextDecoder();
  readonly #encoder = new TextEncoder();
  #opened = 0;
  #yielded = 0;

  constructor(wire: Wire) {
    this.#wire = wire;
    this.#sockets = openSockets();
  }

  /** Starts one connection, from 127.0.0.`source` if given. */
  open(port: number, ticket: Ticket, source?: number): Connection {
    const fd = this.#sockets.connect(port, source);
    const index = this.#opened++;
    const connection: Connection = {
      fd,
      index,
      state: "connecting",
      delivered: 0,
      welcome: false,
      ticket,
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

  [Symbol.dispose](): void {
    for (const connection of this.connections) this.close(connection);
    this.#sockets[Symbol.dispose]();
  }

  readonly #ready = (fd: number, readable: boolean, writable: boolean, failed: boolean): void => {
    const connection = this.#byFd[fd];
    if (connection === undefined) return;
    if (writable) this.#writable(connection);
    if (readable) this.#readable(connection, failed);
  };

  #writable(connection: Connection): void {
    this.#sockets.watchWritable(connection.fd, false);
    if (connection.state === "connecting") {
      connection.state = "upgrading";
      this.#write(connection, this.#encoder.encode(connection.ticket.request));
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

  #readable(connection: Connection, failed: boolean): void {
    let length = 0;
    if (connection.rest !== null) {
      this.#buffer.set(connection.rest);
      length = connection.rest.length;
      connection.rest = null;
    }
    const got = this.#sockets.receive(connection.fd, this.#buffer.subarray(length));
    if (got === 0 || got < 0 && failed) {
      this.#lose(connection, 0, null);
      return;
    }
    length += Math.max(0, got);
    let at = 0;
    if (connection.state === "upgrading") {
      at = this.#upgraded(connection, length);
      if (at < 0) return;
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

  /** Returns the offset after the handshake response, 0 while it is incomplete, -1 if it refuses. */
  #upgraded(connection: Connection, length: number): number {
    const text = this.#decoder.decode(this.#buffer.subarray(0, length));
    const end = text.indexOf("\r\n\r\n");
    if (end < 0) return 0;
    if (!text.startsWith("HTTP/1.1 101")) {
      if (this.onEnd === null) throw new Error(`refused: ${text.split("\r\n")[0]}`);
      this.#lose(connection, 0, text);
      return -1;
    }
    connection.state = "open";
    if (connection.ticket.hello !== null) this.send(connection, connection.ticket.hello);
    return end + 4;
  }

  #lose(connection: Connection, code: number, refusal: string | null): void {
    this.lost.set(code, (this.lost.get(code) ?? 0) + 1);
    this.close(connection);
    this.onEnd?.(connection, code, refusal);
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
        this.#lose(connection, size < 2 ? 0 : buffer[start]! * 256 + buffer[start + 1]!, null);
        break;
      }
      if (opcode === PING) this.#write(connection, clientFrame(PONG, NOTHING));
      if (opcode !== TEXT) continue;
      if (!this.#wire.lines) {
        this.#frame(connection, start, at, now);
        continue;
      }
      while (start < at) {
        const newline = buffer.subarray(start, at).indexOf(NEWLINE);
        const end = newline < 0 ? at : start + newline;
        if (end > start) this.#frame(connection, start, end, now);
        start = end + 1;
      }
    }
    return at;
  }

  #frame(connection: Connection, start: number, end: number, now: number): void {
    const buffer = this.#buffer;
    const wire = this.#wire;
    const timeOffset = wire.deliveredAt(buffer, start, end);
    if (timeOffset >= 0) {
      connection.delivered++;
      this.delivered++;
      const due = timeAt(buffer, timeOffset);
      this.latency?.add(now - due);
      if (this.onDelivery !== null) {
        this.onDelivery(connection, due, this.#decoder.decode(buffer.subarray(start, end)));
      }
      return;
    }
    const acked = wire.acked(buffer, start, end, now);
    if (acked >= 0) {
      this.acked++;
      this.ackLatency?.add(now - acked);
      this.onAck?.(connection, acked);
    } else this.#other(connection, this.#decoder.decode(buffer.subarray(start, end)), now);
  }

  #other(connection: Connection, text: string, now: number): void {
    if (text === "{}" && this.#wire.pong !== null) {
      this.send(connection, this.#wire.pong);
      return;
    }
    this.onText(connection, text);
    for (const { due, text: message } of this.#wire.replayed?.(text) ?? []) {
      connection.delivered++;
      this.delivered++;
      this.latency?.add(now - due);
      this.onDelivery?.(connection, due, message);
    }
  }
}
