/**
 * Reads the frames of a WebSocket client (RFC 6455, section 5) from the bytes of its connection. It
 * finds the same messages and faults as npm ws, which reads the frames of TLS connections; a test
 * compares the two. It knows no socket.
 *
 * @module
 */
import { Buffer, isUtf8 } from "node:buffer";

/** What a connection's frames tell. After `concluded` or `failed` nothing more is told. */
export interface FrameSink {
  /** A complete text message, and its length in bytes. */
  text(text: string, bytes: number): void;
  /** A complete binary message. */
  binary(): void;
  /** A ping. `payload` is overwritten after the call. */
  ping(payload: Uint8Array): void;
  pong(): void;
  /** The close frame: its code, 1005 without one, and its payload, which is overwritten after the call. */
  concluded(code: number, payload: Uint8Array): void;
  /** The client violates the protocol; `code` is the close code that says how. */
  failed(code: number): void;
}

/** Frames that a message may be split into. The same as in npm ws. */
const MAX_FRAGMENTS = 16_384;

/** Opcodes. */
const [CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG] = [0, 1, 2, 8, 9, 10];

/** Close codes: a fault in the protocol, text that is not UTF-8, too many frames, too long a message. */
const [PROTOCOL_ERROR, INVALID_TEXT, POLICY, TOO_LONG] = [1002, 1007, 1008, 1009];

/** The close code for a close frame without one. */
const NO_CODE = 1005;

/** High half of a 64-bit length from which a number does not hold it. */
const UNSAFE_LENGTH = 2 ** 21;

/** A buffer that grows as bytes are added, to twice what it holds at most. */
class Collected {
  bytes: Buffer;
  length = 0;

  constructor(first: Buffer, from: number, to: number) {
    this.bytes = Buffer.allocUnsafeSlow(Math.max(64, to - from));
    this.add(first, from, to);
  }

  add(bytes: Buffer, from: number, to: number): void {
    const length = this.length + to - from;
    if (length > this.bytes.length) {
      const grown = Buffer.allocUnsafeSlow(Math.max(length, 2 * this.bytes.length));
      this.bytes.copy(grown, 0, 0, this.length);
      this.bytes = grown;
    }
    bytes.copy(this.bytes, this.length, from, to);
    this.length = length;
  }
}

/** See the module's doc. One per connection. */
export class FrameReader {
  readonly #sink: FrameSink;
  readonly #maxBytes: number;
  /** The beginning of a frame whose end has not arrived. Shorter than a frame of the longest message. */
  #rest: Collected | null = null;
  /** The frames so far of a message in several: opcode (0 if there is none), payload, number. */
  #opcode = 0;
  #message: Collected | null = null;
  #fragments = 0;
  #done = false;

  /** `maxBytes` is the length of the longest message. */
  constructor(sink: FrameSink, maxBytes: number) {
    this.#sink = sink;
    this.#maxBytes = maxBytes;
  }

  /** Bytes that the beginning of a message takes whose end has not arrived. */
  get held(): number {
    return (this.#rest?.bytes.length ?? 0) + (this.#message?.bytes.length ?? 0);
  }

  /** Reads the first `length` bytes of `bytes`, and overwrites them. What is needed later is copied. */
  push(bytes: Buffer, length: number): void {
    if (this.#done) return;
    const rest = this.#rest;
    if (rest === null) {
      const read = this.#read(bytes, length);
      if (read < length && !this.#done) this.#rest = new Collected(bytes, read, length);
      return;
    }
    rest.add(bytes, 0, length);
    const read = this.#read(rest.bytes, rest.length);
    if (read === 0 && !this.#done) return;
    const left = rest.length - read;
    this.#rest = left > 0 && !this.#done ? new Collected(rest.bytes, read, rest.length) : null;
  }

  /** Reads complete frames. Returns how many bytes they have. */
  #read(bytes: Buffer, length: number): number {
    let at = 0;
    while (length - at >= 2) {
      const first = bytes[at]!;
      const opcode = first & 0x0f;
      const final = (first & 0x80) !== 0;
      let size = bytes[at + 1]! & 0x7f;
      if (!this.#isAllowed(first, size) || (bytes[at + 1]! & 0x80) === 0) {
        return this.#fail(PROTOCOL_ERROR, length);
      }
      let start = at + 2;
      if (size === 126) {
        if (length - at < 4) break;
        size = bytes.readUInt16BE(start);
        start += 2;
      } else if (size === 127) {
        if (length - at < 10) break;
        const high = bytes.readUInt32BE(start);
        if (high >= UNSAFE_LENGTH) return this.#fail(TOO_LONG, length);
        size = high * 2 ** 32 + bytes.readUInt32BE(start + 4);
        start += 8;
      }
      const control = opcode >= CLOSE;
      if (!control && size > 0 && (this.#message?.length ?? 0) + size > this.#maxBytes) {
        return this.#fail(TOO_LONG, length);
      }
      start += 4;
      const end = start + size;
      if (end > length) break;
      const ascii = unmask(bytes, start, end);
      at = end;
      if (control) this.#control(opcode, bytes, start, end);
      else this.#data(opcode, final, bytes, start, end, ascii);
      if (this.#done) return length;
    }
    return at;
  }

  /** Whether a frame with this first byte and 7-bit length may come now. */
  #isAllowed(first: number, size: number): boolean {
    // Reserved bits need an extension, and none is ever agreed on.
    if ((first & 0x70) !== 0) return false;
    const opcode = first & 0x0f;
    if (opcode === CONTINUATION) return this.#opcode !== 0;
    if (opcode === TEXT || opcode === BINARY) return this.#opcode === 0;
    if (opcode !== CLOSE && opcode !== PING && opcode !== PONG) return false;
    return (first & 0x80) !== 0 && size < 126 && (opcode !== CLOSE || size !== 1);
  }

  #data(
    opcode: number,
    final: boolean,
    bytes: Buffer,
    start: number,
    end: number,
    ascii: boolean,
  ): void {
    if (++this.#fragments > MAX_FRAGMENTS) return void this.#fail(POLICY, 0);
    if (!final) {
      this.#opcode ||= opcode;
      this.#append(bytes, start, end);
      return;
    }
    this.#fragments = 0;
    if (opcode !== CONTINUATION) return this.#tell(opcode, bytes, start, end, ascii);
    this.#append(bytes, start, end);
    const message = this.#message;
    const kind = this.#opcode;
    this.#opcode = 0;
    this.#message = null;
    if (message === null) this.#tell(kind, bytes, 0, 0, true);
    else this.#tell(kind, message.bytes, 0, message.length, false);
  }

  #append(bytes: Buffer, start: number, end: number): void {
    if (end === start) return;
    if (this.#message === null) this.#message = new Collected(bytes, start, end);
    else this.#message.add(bytes, start, end);
  }

  #tell(opcode: number, bytes: Buffer, start: number, end: number, ascii: boolean): void {
    if (opcode === BINARY) return this.#sink.binary();
    if (ascii) return this.#sink.text(bytes.toString("latin1", start, end), end - start);
    if (!isUtf8(bytes.subarray(start, end))) return void this.#fail(INVALID_TEXT, 0);
    this.#sink.text(bytes.toString("utf8", start, end), end - start);
  }

  #control(opcode: number, bytes: Buffer, start: number, end: number): void {
    const payload = bytes.subarray(start, end);
    if (opcode === PING) return this.#sink.ping(payload);
    if (opcode === PONG) return this.#sink.pong();
    if (payload.length === 0) return this.#conclude(NO_CODE, payload);
    const code = payload.readUInt16BE(0);
    if (!isCloseCode(code)) return void this.#fail(PROTOCOL_ERROR, 0);
    if (!isUtf8(payload.subarray(2))) return void this.#fail(INVALID_TEXT, 0);
    this.#conclude(code, payload);
  }

  #conclude(code: number, payload: Uint8Array): void {
    this.#stop();
    this.#sink.concluded(code, payload);
  }

  /** Returns `read`. */
  #fail(code: number, read: number): number {
    this.#stop();
    this.#sink.failed(code);
    return read;
  }

  #stop(): void {
    this.#done = true;
    this.#message = null;
  }
}

/** Removes the mask that stands before a payload, in place. Returns whether the payload is ASCII. */
function unmask(bytes: Buffer, start: number, end: number): boolean {
  const mask0 = bytes[start - 4]!;
  const mask1 = bytes[start - 3]!;
  const mask2 = bytes[start - 2]!;
  const mask3 = bytes[start - 1]!;
  let bits = 0;
  let at = start;
  for (const last = end - 3; at < last; at += 4) {
    bits |= bytes[at] = bytes[at]! ^ mask0;
    bits |= bytes[at + 1] = bytes[at + 1]! ^ mask1;
    bits |= bytes[at + 2] = bytes[at + 2]! ^ mask2;
    bits |= bytes[at + 3] = bytes[at + 3]! ^ mask3;
  }
  if (at < end) bits |= bytes[at] = bytes[at]! ^ mask0;
  if (at + 1 < end) bits |= bytes[at + 1] = bytes[at + 1]! ^ mask1;
  if (at + 2 < end) bits |= bytes[at + 2] = bytes[at + 2]! ^ mask2;
  return bits < 128;
}

/** Whether a client may send this code in a close frame (RFC 6455, section 7.4). */
function isCloseCode(code: number): boolean {
  return code >= 1000 && code <= 1014 && (code < 1004 || code > 1006) ||
    code >= 3000 && code <= 4999;
}
