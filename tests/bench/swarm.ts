/**
 * The load: thousands of WebSocket clients in one thread, on raw sockets. Frames of the server are
 * found in the bytes and not parsed, but for those that answer something.
 *
 * @module
 */
import { clientFrame, CLOSE, concat, PING, PONG, TEXT } from "./client_frame.ts";
import { clock, TIME_DIGITS, timeAt } from "./clock.ts";
import type { Histogram } from "./histogram.ts";
import { openSockets, type Sockets } from "./epoll.ts";

/** Bytes received at a time. */
const RECEIVE_BYTES = 1024 * 1024;

/** Bytes of a client that wait because the server does not read; above it the client sends nothing. */
const MAX_UNSENT_BYTES = 256 * 1024;

/** Connections that may be on their way at a time. */
const OPENING_AT_A_TIME = 128;

/** Where an ack's id begins: after `{"type":"ack","id":"`. */
const ACK_ID = 20;

const NOTHING = new Uint8Array();

const [QUOTE, LETTER_A, LETTER_C, LETTER_M, LETTER_R] = [34, 97, 99, 109, 114];

/** One client. */
export interface Connection {
  readonly fd: number;
  readonly index: number;
  state: "connecting" | "upgrading" | "open" | "closed";
  /** Messages delivered to it. */
  delivered: number;
  /** What came last that is neither a message nor an ack. */
  request: string;
  rest: Uint8Array | null;
  unsent: Uint8Array | null;
}

/** See the module's doc. */
export class Swarm implements Disposable {
  /** Those that are there, in the order they were opened. */
  readonly connections = new Set<Connection>();
  /** Messages and acks that came, all in all. */
  delivered = 0;
  acked = 0;
  /** Where set, how long each message and ack took from the time it was due. */
  latency: Histogram | null = null;
  ackLatency: Histogram | null = null;
  /** Connections that the server closed, by its code; 0 where it gave none. */
  readonly lost = new Map<number, number>();
  /** Sends that were left out, because the server does not read. */
  unsendable = 0;
  /** Called with what is neither a message nor an ack. */
  onText: (connection: Connection, text: string) => void = () => {};
  /** Called with an ack's text, where it is wanted. */
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

  /** Begins one connection; `request` is its whole HTTP request. */
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

  /** Sends one text frame. Gives whether it was taken. */
  send(connection: Connection, text: string): boolean {
    if (connection.state !== "open") return false;
    if ((connection.unsent?.length ?? 0) > MAX_UNSENT_BYTES) {
      this.unsendable++;
      return false;
    }
    this.#write(connection, clientFrame(TEXT, this.#encoder.encode(text)));
    return true;
  }

  /** Ends one connection, without a word. */
  close(connection: Connection): void {
    if (connection.state === "closed") return;
    connection.state = "closed";
    this.connections.delete(connection);
    this.#byFd[connection.fd] = undefined;
    this.#sockets.close(connection.fd);
  }

  /**
   * Runs until `done` says so, calling `work` in between, which gives the milliseconds that may be
   * waited. Throws when it takes longer than `deadline` milliseconds.
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
      // Others of this process (what the servers print) have their turn, too.
      if (now - this.#yielded > 100) {
        await new Promise((resolve) => setTimeout(resolve));
        this.#yielded = performance.now();
      }
    }
  }

  /** Opens connections, some at a time, and runs until `ready` says of all that they are. */
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
    this.#sockets.wantWritable(connection.fd, false);
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
    this.#sockets.wantWritable(connection.fd, true);
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

  /** Where the answer of the handshake ends; 0 while it has not. */
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
        // The content stands last and ends with its time: `...0123456789012345"}`.
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
