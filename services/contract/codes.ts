/**
 * Every error code and every close code of the protocol, once. PROTOCOL.md carries the same tables
 * and a test compares them. No I/O; imports nothing.
 *
 * @module
 */

/**
 * Error codes and the sentence each begins with. A frame's `message` may add what exactly is wrong
 * after a colon ("Invalid message format: content: Required"); the code never changes.
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

/** A stable error code. */
export type ErrorCode = keyof typeof ERRORS;

/** Whether `code` is one of {@link ERRORS}. */
export function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code);
}

/**
 * Close codes and their reason text. 4000-4099: mend something before coming back; 4100-4199:
 * come back with backoff; 1xxx: RFC 6455's own.
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
  draining: { code: 4100, reason: "Draining" },
  slow_consumer: { code: 4101, reason: "Slow consumer" },
  idle: { code: 4102, reason: "Idle" },
  no_pong: { code: 4103, reason: "No pong" },
  unavailable: { code: 4104, reason: "Unavailable" },
} as const;

/** The name of a way in which the server closes a connection. */
export type CloseName = keyof typeof CLOSES;

/** An error as it crosses the bus and the wire. */
export interface Fault {
  code: ErrorCode;
  message: string;
  /** Milliseconds after which trying again makes sense. */
  retryAfter?: number;
}

/**
 * Builds a {@link Fault}.
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
