/**
 * What an `error` frame says about the frame that it refuses. No I/O.
 *
 * @module
 */
import type { ClientFrame, ErrorCode } from "../../contract/mod.ts";

/** Codes that count as violations: the client should not have sent the frame. */
const VIOLATIONS: ReadonlySet<ErrorCode> = new Set([
  "room_not_found",
  "forbidden",
  "too_large",
  "invalid_format",
  "rate_limited",
]);

/** Whether a refusal with this code counts towards close 4005. */
export function isViolation(code: ErrorCode): boolean {
  return VIOLATIONS.has(code);
}

/** The `id` and `room` of a frame, if it has them. */
export function referenceOf(frame: ClientFrame): { id?: string; room?: string } {
  return {
    id: "id" in frame ? frame.id : undefined,
    room: "room" in frame ? frame.room : undefined,
  };
}
