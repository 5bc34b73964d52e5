/**
 * WebSocket frames as a client sends them.
 *
 * @module
 */

/** The opcode of a text frame, by RFC 6455. */
export const TEXT = 1;
/** The opcode of a close frame. */
export const CLOSE = 8;
/** The opcode of a ping. */
export const PING = 9;
/** The opcode of a pong. */
export const PONG = 10;

/** Encodes a client frame of up to 64 KiB. Its mask is zero, so the payload stays as it is. */
export function clientFrame(opcode: number, payload: Uint8Array): Uint8Array {
  const extended = payload.length > 125 ? 2 : 0;
  const frame = new Uint8Array(6 + extended + payload.length);
  frame[0] = 0x80 | opcode;
  if (extended === 0) frame[1] = 0x80 | payload.length;
  else {
    frame[1] = 0x80 | 126;
    frame[2] = payload.length >> 8;
    frame[3] = payload.length & 255;
  }
  frame.set(payload, 6 + extended);
  return frame;
}

/** Concatenates two byte arrays. */
export function concat(a: Uint8Array, b: Uint8Array): Uint8Array {
  const both = new Uint8Array(a.length + b.length);
  both.set(a);
  both.set(b, a.length);
  return both;
}
