/**
 * Builds the frames that the gateway sends. Each frame is built once, including its WebSocket header,
 * and the same bytes are written to every member. Nothing is parsed here: a stored event keeps its
 * JSON, and the gateway's own fields are put in front of it.
 *
 * @module
 */
import { type ServerFrame, Traceparent } from "../../contract/mod.ts";

/** A frame to send. */
export interface Frame {
  /** A complete, unmasked WebSocket frame. Many members share the bytes: do not modify them. */
  readonly wire: Uint8Array;
  /** Index in `wire` at which the JSON begins, for transports other than WebSocket. */
  readonly start: number;
}

/** First byte of an unfragmented text frame: FIN and opcode 1 (RFC 6455, section 5.2). */
const FIN_TEXT = 0x81;

/** Up to this length, in characters, a loop encodes ASCII faster than the `TextEncoder`. */
const MAX_LOOP_LENGTH = 256;

const encoder = new TextEncoder();

/** A WebSocket ping (FIN and opcode 9) without payload. */
export const PING_FRAME: Frame = { wire: new Uint8Array([0x89, 0x00]), start: 2 };

const [OPEN_BRACE, CLOSE_BRACE] = [0x7b, 0x7d];

/** First bytes of a close frame and of a pong (FIN, and opcodes 8 and 10). */
export const [FIN_CLOSE, FIN_PONG] = [0x88, 0x8a] as const;

/** Builds a control frame. Its payload has 125 bytes at most. */
export function controlFrame(
  first: typeof FIN_CLOSE | typeof FIN_PONG,
  payload: Uint8Array,
): Uint8Array {
  const frame = new Uint8Array(2 + payload.length);
  frame[0] = first;
  frame[1] = payload.length;
  frame.set(payload, 2);
  return frame;
}

/** Encodes an object as a frame. */
export function encodeFrame(frame: ServerFrame): Frame {
  return textFrame(JSON.stringify(frame));
}

/** Encodes JSON text as a frame. */
export function textFrame(json: string): Frame {
  if (json.length <= MAX_LOOP_LENGTH) {
    const start = headerLength(json.length);
    const wire = new Uint8Array(start + json.length);
    if (writeAscii(wire, json, start)) {
      writeHeader(wire, json.length);
      return { wire, start };
    }
  }
  const bytes = encoder.encode(json);
  const start = headerLength(bytes.length);
  const wire = new Uint8Array(start + bytes.length);
  writeHeader(wire, bytes.length);
  wire.set(bytes, start);
  return { wire, start };
}

/**
 * Builds a frame from an event's JSON with fields put in front. `prefix` is ASCII and holds the JSON
 * of those fields, from the opening brace to the last comma. Returns null if the event is not a JSON
 * object with at least one field.
 */
export function spliceFrame(prefix: string, event: Uint8Array): Frame | null {
  if (event.length < 3) return null;
  if (event[0] !== OPEN_BRACE || event[event.length - 1] !== CLOSE_BRACE) return null;
  const length = prefix.length + event.length - 1;
  const start = headerLength(length);
  const wire = new Uint8Array(start + length);
  writeHeader(wire, length);
  writeAscii(wire, prefix, start);
  wire.set(event.subarray(1), start + prefix.length);
  return { wire, start };
}

/** Builds the `room-message` frame of a stored event. Returns null if the event is not an object. */
export function messageFrame(event: Uint8Array, seq: number, prev: number): Frame | null {
  return spliceFrame(`{"type":"room-message","seq":${seq},"prev":${prev},`, event);
}

/**
 * Returns a copy of a `room-message` frame that carries the message's trace context. Any publisher may have
 * written that: the frame itself is returned if it is none.
 */
export function tracedFrame(frame: Frame, traceparent: string): Frame {
  if (!Traceparent.safeParse(traceparent).success) return frame;
  const json = frame.wire.subarray(frame.start);
  return spliceFrame(`{"traceparent":"${traceparent}",`, json) ?? frame;
}

/** Builds the `room-signal` frame of a signal. Returns null if the event is not an object. */
export function signalFrame(event: Uint8Array): Frame | null {
  return spliceFrame(`{"type":"room-signal",`, event);
}

const EVENT_START = encoder.encode("data: ");
const EVENT_END = encoder.encode("\n\n");

const [LINE_FEED, CARRIAGE_RETURN, SPACE] = [10, 13, 32];

/** Encodes a frame as a server-sent event. */
export function toServerSentEvent({ wire, start }: Frame): Uint8Array {
  const json = wire.subarray(start);
  const event = new Uint8Array(EVENT_START.length + json.length + EVENT_END.length);
  event.set(EVENT_START);
  event.set(json, EVENT_START.length);
  event.set(EVENT_END, EVENT_START.length + json.length);
  // A line break would end the event. The gateway writes none, but another publisher's JSON may have
  // some between tokens, where a space means the same.
  if (json.includes(LINE_FEED) || json.includes(CARRIAGE_RETURN)) {
    for (let at = EVENT_START.length; at < event.length - EVENT_END.length; at++) {
      if (event[at] === LINE_FEED || event[at] === CARRIAGE_RETURN) event[at] = SPACE;
    }
  }
  return event;
}

/** Length of the WebSocket header of a payload; both in bytes. */
function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

/** Writes the WebSocket header of a text frame with a payload of `length` bytes. */
function writeHeader(wire: Uint8Array, length: number): void {
  wire[0] = FIN_TEXT;
  if (length < 126) {
    wire[1] = length;
  } else if (length < 65_536) {
    wire[1] = 126;
    wire[2] = length >> 8;
    wire[3] = length & 255;
  } else {
    wire[1] = 127;
    for (let at = 9, left = length; at > 1; at--) {
      wire[at] = left % 256;
      left = Math.floor(left / 256);
    }
  }
}

/** Writes ASCII text at an index. Returns false, with a part written, at the first other character. */
function writeAscii(bytes: Uint8Array, text: string, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    bytes[at + i] = code;
  }
  return true;
}
