/**
 * Frames as they go out: each is built once, WebSocket header and all, and the same bytes are
 * written to every member. Nothing is parsed here.
 *
 * @module
 */
import type { ServerFrame } from "../../contract/mod.ts";

/** A frame to send. `wire` is a whole unmasked WebSocket text frame, shared: never changed. */
export interface Frame {
  readonly wire: Uint8Array;
  /** Where the JSON begins in `wire`, for transports that are not WebSocket. */
  readonly start: number;
}

/** FIN and the opcodes of RFC 6455. */
const TEXT = 0x81;

/** Up to this a text is written faster by a loop than by the encoder. */
const SHORT = 256;

const encoder = new TextEncoder();

/** A WebSocket ping without payload. */
export const PING_FRAME: Frame = { wire: new Uint8Array([0x89, 0x00]), start: 2 };

const BRACE = 0x7b;

/** Makes a frame of an object. */
export function encodeFrame(frame: ServerFrame): Frame {
  return textFrame(JSON.stringify(frame));
}

/** Makes a frame of JSON text. */
export function textFrame(json: string): Frame {
  if (json.length <= SHORT) {
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
 * Makes a frame of an event's JSON, as published, with members put in front: `head` is the JSON of
 * those up to their last comma, its opening brace included. Null where the event is no object.
 */
export function spliceFrame(head: string, event: Uint8Array): Frame | null {
  if (event.length < 3 || event[0] !== BRACE || event[event.length - 1] !== BRACE + 2) return null;
  const length = head.length + event.length - 1;
  const start = headerLength(length);
  const wire = new Uint8Array(start + length);
  writeHeader(wire, length);
  writeAscii(wire, head, start);
  wire.set(event.subarray(1), start + head.length);
  return { wire, start };
}

/** The `room-message` frame of a stored event. */
export function messageFrame(event: Uint8Array, seq: number, prev: number): Frame | null {
  return spliceFrame(`{"type":"room-message","seq":${seq},"prev":${prev},`, event);
}

/** The `room-signal` frame of a signal. */
export function signalFrame(event: Uint8Array): Frame | null {
  return spliceFrame(`{"type":"room-signal",`, event);
}

const DATA = encoder.encode("data: ");
const END = encoder.encode("\n\n");

const [LINE_FEED, RETURN, SPACE] = [10, 13, 32];

/** A frame as a server-sent event. */
export function eventOf({ wire, start }: Frame): Uint8Array {
  const json = wire.subarray(start);
  const event = new Uint8Array(DATA.length + json.length + END.length);
  event.set(DATA);
  event.set(json, DATA.length);
  event.set(END, DATA.length + json.length);
  // Ours has none; that of another publisher may, between tokens, where a blank says the same.
  if (json.includes(LINE_FEED) || json.includes(RETURN)) {
    for (let at = DATA.length; at < event.length - END.length; at++) {
      if (event[at] === LINE_FEED || event[at] === RETURN) event[at] = SPACE;
    }
  }
  return event;
}

function headerLength(length: number): number {
  return length < 126 ? 2 : length < 65_536 ? 4 : 10;
}

function writeHeader(wire: Uint8Array, length: number): void {
  wire[0] = TEXT;
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

/** Writes a text, if it is ASCII alone: says whether. */
function writeAscii(bytes: Uint8Array, text: string, at: number): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code > 127) return false;
    bytes[at + i] = code;
  }
  return true;
}
