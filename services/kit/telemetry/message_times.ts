/**
 * The times that a message carries from hop to hop, in its headers. They are read as bytes, because every
 * gateway reads them of every message.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { HEADERS } from "../../contract/mod.ts";
import { headerName, headerValueAt } from "../wire_headers.ts";

/** When things happened to a message, microseconds since 1970 in the NATS server's time; 0 is unknown. */
export interface MessageTimes {
  /** The first gateway had read the frame. */
  received: number;
  /** It had handed the message to NATS. */
  handed: number;
  /** JetStream had stored it; unknown for messages that are not stored, and before nats-server 2.10. */
  stored: number;
}

const SENT = headerName(HEADERS.sent);
const STORED_AT = headerName(HEADERS.storedAt);
const [ZERO, NINE, PLUS, DOT] = [48, 57, 43, 46];

/** Longest time between reading a frame and handing its message over that is believed, microseconds. */
const MAX_HANDOVER = 3_600_000_000;

/** Returns the value of {@link HEADERS.sent}. Both times are microseconds. */
export function sentHeader(received: number, handed: number): string {
  return `${received}+${Math.max(0, handed - received)}`;
}

/** Reads the times of a message. What is missing or malformed is unknown. */
export function messageTimes(message: Msg): MessageTimes {
  const times = { received: 0, handed: 0, stored: 0 };
  const sent = headerValueAt(message, SENT);
  if (sent !== null) {
    const { bytes, at, end } = sent;
    let position = at;
    let received = 0;
    for (; isDigit(bytes[position]); position++) received = received * 10 + bytes[position]! - ZERO;
    if (bytes[position] === PLUS && position - at <= 16) {
      let handed = 0;
      for (position++; isDigit(bytes[position]) && position < end; position++) {
        handed = handed * 10 + bytes[position]! - ZERO;
      }
      if (handed <= MAX_HANDOVER) {
        times.received = received;
        times.handed = received + handed;
      }
    }
  }
  const stored = headerValueAt(message, STORED_AT, true);
  if (stored !== null) times.stored = rfc3339Micros(stored.bytes, stored.at, stored.end);
  return times;
}

function isDigit(byte: number | undefined): boolean {
  return byte !== undefined && byte >= ZERO && byte <= NINE;
}

/** Length of `2026-11-25T18:11:20`. */
const SECONDS_LENGTH = 19;

/** Reads a time as RFC 3339 writes it, in UTC. Returns 0 if it is none. */
function rfc3339Micros(bytes: Uint8Array, at: number, end: number): number {
  if (end - at < SECONDS_LENGTH) return 0;
  const digits = (offset: number, count: number) => {
    let value = 0;
    for (let i = at + offset; i < at + offset + count; i++) {
      value = isDigit(bytes[i]) ? value * 10 + bytes[i]! - ZERO : NaN;
    }
    return value;
  };
  const milliseconds = Date.UTC(
    digits(0, 4),
    digits(5, 2) - 1,
    digits(8, 2),
    digits(11, 2),
    digits(14, 2),
    digits(17, 2),
  );
  let micros = 0;
  let scale = 1e5;
  let position = at + SECONDS_LENGTH;
  if (bytes[position] === DOT) {
    for (position++; isDigit(bytes[position]) && scale >= 0.001; position++, scale /= 10) {
      micros += (bytes[position]! - ZERO) * scale;
    }
  }
  const result = milliseconds * 1_000 + Math.round(micros);
  return Number.isFinite(result) && result > 0 ? result : 0;
}
