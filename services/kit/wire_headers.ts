/**
 * NATS headers as bytes, for the path of a message: the client library builds a map of every header
 * to read one of them, and encodes another map to send two. Measured: a tenth of a gateway's time with
 * many small rooms.
 *
 * @module
 */
import type { Msg, MsgHdrs } from "@nats-io/transport-node";
import { Buffer } from "node:buffer";
import { HEADERS } from "../contract/mod.ts";
import { isSampled, isSampledFlag, LAST_FLAG } from "./hop.ts";

const VERSION = "NATS/1.0\r\n";
const [COLON, RETURN, SPACE] = [58, 13, 32];

/** What of the library's message is used here. */
interface RawMessage {
  readonly _rdata?: Uint8Array;
  readonly _msg?: { readonly hdr: number };
}

/** A header's name as {@link wireHeader} wants it. Case matters, as it does to NATS. */
export function headerName(name: string): Uint8Array {
  return Buffer.from(`${name}:`, "latin1");
}

/** Whether a message has a header. */
export function hasWireHeader(message: Msg, name: Uint8Array): boolean {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes === undefined || info === undefined) return slowHeader(message, name) !== undefined;
  return valueAt(bytes, info.hdr, name) >= 0;
}

/** The value of a message's header; undefined where there is none, or an empty one. */
export function wireHeader(message: Msg, name: Uint8Array): string | undefined {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  // Another release of the library may keep them elsewhere: then the slow way.
  if (bytes === undefined || info === undefined) return slowHeader(message, name);
  const at = valueAt(bytes, info.hdr, name);
  if (at < 0) return undefined;
  const to = bytes.indexOf(RETURN, at);
  return to <= at
    ? undefined
    : Buffer.from(bytes.buffer, bytes.byteOffset + at, to - at).toString();
}

/** The value of a message's header as a whole number; NaN where there is none. */
export function wireHeaderNumber(message: Msg, name: Uint8Array): number {
  const { _rdata: bytes, _msg: info } = message as unknown as RawMessage;
  if (bytes === undefined || info === undefined) return Number(slowHeader(message, name) ?? NaN);
  let at = valueAt(bytes, info.hdr, name);
  if (at < 0) return NaN;
  let value = 0;
  for (; at < info.hdr && bytes[at] !== RETURN; at++) value = value * 10 + (bytes[at]! - 48);
  return value;
}

const TRACEPARENT = headerName(HEADERS.traceparent);

/**
 * A message's `traceparent` where it says that its trace is recorded, else undefined: most are not, and
 * of those no text is made.
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

/** Where the value of a header begins; -1 where there is none. */
function valueAt(bytes: Uint8Array, end: number, name: Uint8Array): number {
  const { length } = name;
  const [first, last] = [name[0]!, length - 1];
  // Each header begins after a line break; the first line is the version.
  for (let at = bytes.indexOf(10) + 1; at > 0 && at + length < end;) {
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
 * Headers to publish, of names and values in turn; a value that is undefined leaves its header out.
 * Values must be without line breaks.
 */
export function encodeHeaders(...namesAndValues: (string | undefined)[]): MsgHdrs {
  let text = VERSION;
  for (let i = 0; i < namesAndValues.length; i += 2) {
    const value = namesAndValues[i + 1];
    if (value !== undefined) text += `${namesAndValues[i]}: ${value}\r\n`;
  }
  const bytes = Buffer.from(`${text}\r\n`);
  // All that the library does with headers it is given is to encode them.
  return { encode: () => bytes } as unknown as MsgHdrs;
}
