/**
 * The error codes and close codes of the protocol. PROTOCOL.md contains the same tables, and a test
 * compares them. No I/O; imports nothing.
 *
 * @module
 */

/**
 * Error codes, each with the sentence that its `message` starts with. After a colon, `message` may
 * add a detail ("Invalid message format: content: Required"). The code never changes.
 */
export const ERRORS = {
  invalid_format: "Invalid message format",
  unknown_type: "Unknown message type",
  unauthorized: "Not authenticated",
  room_not_found: "Room not found",
  forbidden: "Not allowed",
  too_large: "Content too large",
  too_many_rooms: "Too many rooms",
  rate_limited: "Too many messages",
  service_not_found: "Service not found",
  service_failed: "Service failed",
  timeout: "Timed out",
  unavailable: "Temporarily unavailable",
  token_expired: "Token expired",
  session_not_found: "Session not found",
} as const;

/** A stable error code: a key of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Whether `code` is one of {@link ERRORS}. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/**
 * Close codes and their reason texts. 1xxx: defined by RFC 6455. 4000-4099: the client must fix
 * something before it reconnects. 4100-4199: the client should reconnect with backoff.
 */
export const CLOSES = {
  normal: { code: 1000, reason: "Normal closure" },
  binary: { code: 1003, reason: "Binary frames are not supported" },
  not_utf8: { code: 1007, reason: "Invalid UTF-8" },
  too_big: { code: 1009, reason: "Frame too big" },
  unauthorized: { code: 4001, reason: "Unauthorized" },
  token_expired: { code: 4002, reason: "Token expired" },
  origin_refused: { code: 4003, reason: "Origin not allowed" },
  revoked: { code: 4004, reason: "Token revoked" },
  too_many_violations: { code: 4005, reason: "Too many violations" },
  disconnected: { code: 4006, reason: "Disconnected" },
  draining: { code: 4100, reason: "Draining" },
  slow_consumer: { code: 4101, reason: "Slow consumer" },
  idle: { code: 4102, reason: "Idle" },
  no_pong: { code: 4103, reason: "No pong" },
  unavailable: { code: 4104, reason: "Unavailable" },
} as const;

/** The name of a reason for which the server closes a connection: a key of {@link CLOSES}. */
export type CloseName = keyof typeof CLOSES;

/** An error as it travels over the bus and to clients. */
export interface Fault {
  /** The stable code. */
  code: ErrorCode;
  /** For people: the sentence of the code, then optionally a colon and a detail. */
  message: string;
  /** How long to wait before retrying, milliseconds. */
  retryAfter?: number;
}

/**
 * Builds a {@link Fault} whose `message` is the code's sentence and, after a colon, `detail`.
 * `retryAfter` is in milliseconds.
 *
 * @example
 * ```ts
 * import { fault } from "./codes.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(fault("room_not_found"), { code: "room_not_found", message: "Room not found" });
 * assert.equal(fault("forbidden", "publish").message, "Not allowed: publish");
 * ```
 */
export function fault(code: ErrorCode, detail?: string, retryAfter?: number): Fault {
  const message = detail === undefined ? ERRORS[code] : `${ERRORS[code]}: ${detail}`;
  return retryAfter === undefined ? { code, message } : { code, message, retryAfter };
}
