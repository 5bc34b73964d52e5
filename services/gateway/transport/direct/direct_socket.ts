/**
 * A WebSocket connection that reads its frames from the socket's handle and writes to the socket. It
 * behaves as npm ws does, with the settings that the gateway gives that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import { MAX_FRAME_BYTES } from "../../../contract/mod.ts";
import { controlFrame, FIN_CLOSE, FIN_PONG } from "../../wire/frame.ts";
import { CLOSE_TIMEOUT_MS } from "../connections.ts";
import type { WebSocketLink, WebSocketOwner } from "../websocket_link.ts";
import { FrameReader, type FrameSink } from "./frame_reader.ts";
import { readDirectly, type Receiver, setReading } from "./stream_reads.ts";

/** The close code of a connection that was lost, or whose close frame had no code. */
const [LOST, NO_CODE] = [1006, 1005];

/** A socket's reference to its connection: sockets share their event handlers. */
const LINK = Symbol("link");
type OwnedSocket = Socket & { [LINK]: DirectSocket };

/** See the module's doc. */
export class DirectSocket implements WebSocketLink, FrameSink, Receiver {
  readonly #socket: Socket;
  readonly #frames: FrameReader;
  #owner: WebSocketOwner | null = null;
  #code = LOST;
  #closeSent = false;
  /** Whether the client's close frame, its end, or a fault of the client has been read. */
  #readAll = false;
  #timer: ReturnType<typeof setTimeout> | undefined = undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.#frames = new FrameReader(this, MAX_FRAME_BYTES);
    (socket as OwnedSocket)[LINK] = this;
    socket.on("close", onClose);
    socket.on("error", onError);
  }

  /** Starts reading: `first` is what has been read behind the handshake. */
  open(owner: WebSocketOwner, first: Buffer): void {
    this.#owner = owner;
    if (!readDirectly(this.#socket, this)) return void this.#socket.destroy();
    if (first.length > 0) this.received(first, first.length);
  }

  get held(): number {
    return this.#frames.held;
  }

  received(bytes: Buffer, length: number): void {
    this.#frames.push(bytes, length);
  }

  ended(): void {
    // As after a close: what was written may still be on its way, and nothing follows it.
    if (!this.#readAll) this.#owner?.closing();
    this.#readAll = true;
    this.#startTimer();
    this.#socket.destroySoon();
  }

  text(text: string, bytes: number): void {
    this.#owner?.text(text, bytes);
  }

  binary(): void {
    this.#owner?.binary();
  }

  ping(payload: Uint8Array): void {
    this.#owner?.answer(controlFrame(FIN_PONG, payload));
  }

  pong(): void {
    this.#owner?.pong();
  }

  concluded(code: number, payload: Uint8Array): void {
    this.#code = code;
    this.#answer(payload);
  }

  failed(code: number): void {
    this.#answer(codeOnly(code));
    this.#owner?.failed();
  }

  /** Nothing more is read. */
  #answer(payload: Uint8Array): void {
    this.#readAll = true;
    this.#owner?.closing();
    this.#close(payload);
  }

  close(code: number, reason: string): void {
    this.#close(Buffer.concat([codeOnly(code), Buffer.from(reason)]));
  }

  #close(payload: Uint8Array): void {
    if (!this.#closeSent) {
      this.#closeSent = true;
      this.#startTimer();
      if (this.#socket.writable) this.#socket.write(controlFrame(FIN_CLOSE, payload));
    }
    if (this.#readAll) this.#socket.end();
  }

  #startTimer(): void {
    this.#timer ??= setTimeout(() => this.#socket.destroy(), CLOSE_TIMEOUT_MS);
  }

  terminate(): void {
    this.#socket.destroy();
  }

  pause(): void {
    setReading(this.#socket, false);
  }

  resume(): void {
    setReading(this.#socket, true);
  }

  /** The socket has closed. */
  closed(): void {
    clearTimeout(this.#timer);
    this.#owner?.closed(this.#code);
    this.#owner = null;
  }
}

/** The payload of a close frame that has no reason. */
function codeOnly(code: number): Uint8Array {
  return code === NO_CODE ? new Uint8Array(0) : new Uint8Array([code >> 8, code & 255]);
}

function onClose(this: Socket): void {
  (this as OwnedSocket)[LINK].closed();
}

function onError(this: Socket): void {
  this.destroy();
}
