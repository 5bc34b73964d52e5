/**
 * Reads and writes NATS headers as bytes, for the message path. To read one header, the client
 * library builds a map of all of them; to send two, it encodes another map. Measured with many
 * small rooms: 10 % of a gateway's CPU time.
 *
 * @module
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { Buffer } from "node:buffer";
import { HEADERS } from "../contract/mod.ts";
import { isSampled, isSampledFlag, LAST_FLAG } from "./hop.ts";

const VERSION = "NATS/1.0\r\n";
const [COLON, RETURN, SPACE] = [58, 13, 32];

/** The private fields of the library's message that this module reads. */
interface RawMessage {
  readonly _rdata?: Uint8Array;
  readonly _msg?: { readonly hdr: number };
}

/**
 * Encodes a header's name for {@link wireHeader} and the other readers. Names are case-sensitive,
 * as in NATS.
 */
export function headerName(name: string): Uint8Array {
  return Buffer.from(`${name}:`, "latin1");
}

/** Returns whether a message has a header. `name` comes from {@link headerName}. */
export function hasWireHeader(message: Msg, name: Uint8Array): boolean {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes === undefined || info === undefined) return slowHeader(message, name) !== undefined;
  return valueAt(bytes, info.hdr, name) >= 0;
}

/**
 * Returns the value of a message's header, or undefined if it is missing or empty. `name` comes
 * from {@link headerName}.
 */
export function wireHeader(message: Msg, name: Uint8Array): string | undefined {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  // Another release of the library may store them elsewhere. Then fall back to its public API.
  if (bytes === undefined || info === undefined) return slowHeader(message, name);
  const at = valueAt(bytes, info.hdr, name);
  if (at < 0) return undefined;
  const to = bytes.indexOf(RETURN, at);
  return to <= at
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset + at, to - at).toString();
}

/**
 * Returns the value of a message's header as a whole number, or NaN if it is missing. `name` comes
 * from {@link headerName}. If a message has the header more than once, the last one counts: NATS adds
 * its own headers at the end, and whoever published the message may have set one of the same name.
 */
export function wireHeaderNumber(message: Msg, name: Uint8Array): number {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes === undefined || info === undefined) {
    return Number(message.headers?.last(new TextDecoder().decode(name.subarray(0, -1))) || NaN);
  }
  let at = valueAt(bytes, info.hdr, name);
  for (let next = at; next >= 0; next = valueAt(bytes, info.hdr, name, next)) at = next;
  if (at < 0) return NaN;
  let value = 0;
  for (; at < info.hdr && bytes[at] !== RETURN; at++) value = value * 10 + (bytes[at]! - 48);
  return value;
}

/** Where a header's value is. */
export interface HeaderValue {
  /** The bytes of the message, or more. */
  bytes: Uint8Array;
  /** The index of its first byte. */
  at: number;
  /** The index after its last byte. */
  end: number;
}

/**
 * Returns where the value of a message's header is, or null if it is missing. `name` comes from {@link
 * headerName}. Of several with that name the first one counts, or the last one with `last`: NATS adds its
 * own headers at the end.
 */
export function headerValueAt(message: Msg, name: Uint8Array, last = false): HeaderValue | null {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes === undefined || info === undefined) {
    const key = new TextDecoder().decode(name.subarray(0, -1));
    const text = last ? message.headers?.last(key) : message.headers?.get(key);
    if (!text) return null;
    const encoded = Buffer.from(text);
    return { bytes: encoded, at: 0, end: encoded.length };
  }
  let at = valueAt(bytes, info.hdr, name);
  if (at < 0) return null;
  if (last) {
    for (let next = at; next >= 0; next = valueAt(bytes, info.hdr, name, next)) at = next;
  }
  return { bytes, at, end: bytes.indexOf(RETURN, at) };
}

const TRACEPARENT = headerName(HEADERS.traceparent);

/**
 * Returns a message's `traceparent` if its trace is recorded, otherwise undefined. Most traces are
 * not recorded, so this decides on the bytes and only then decodes the text.
 */
export function recordedTraceparent(message: Msg): string | undefined {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes !== undefined && info !== undefined) {
    const at = valueAt(bytes, info.hdr, TRACEPARENT);
    if (at < 0 || !isSampledFlag(bytes[at + LAST_FLAG]!)) return undefined;
  }
  const traceparent = wireHeader(message, TRACEPARENT);
  return isSampled(traceparent) ? traceparent : undefined;
}

/** Returns a message's `traceparent`, whether its trace is recorded or not; undefined if it has none. */
export function wireTraceparent(message: Msg): string | undefined {
  return wireHeader(message, TRACEPARENT);
}

/** Returns the offset of a header's first value after `from`, or -1 if there is none. */
function valueAt(bytes: Uint8Array, end: number, name: Uint8Array, from = 0): number {
  const { length } = name;
  const [first, last] = [name[0]!, length - 1];
  // Each header starts after a line break. The first line is the version.
  for (let at = bytes.indexOf(10, from) + 1; at > 0 && at + length < end;) {
    if (bytes[at] === first && bytes[at + last] === COLON) {
      let same = 1;
      while (same < last && bytes[at + same] === name[same]) same++;
      if (same === last) {
        at += length;
        while (bytes[at] === SPACE) at++;
        return at;
      }
    }
    at = bytes.indexOf(10, at) + 1;
  }
  return -1;
}

function slowHeader({ headers }: Msg, name: Uint8Array): string | undefined {
  return headers?.get(new TextDecoder().decode(name.subarray(0, -1))) || undefined;
}

/**
 * Encodes headers to publish, given as alternating names and values. Leaves out a header whose
 * value is undefined. Values must not contain line breaks.
 */
export function encodeHeaders(...namesAndValues: (string | undefined)[]): MsgHdrs {
  let text = VERSION;
  for (let i = 0; i < namesAndValues.length; i += 2) {
    const value = namesAndValues[i + 1];
    if (value !== undefined) text += `${namesAndValues[i]}: ${value}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`);
  // The library only ever calls `encode` on the headers of a publish.
  return { encode: () => bytes } as unknown as MsgHdrs;
}
