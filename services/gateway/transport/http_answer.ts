/**
 * Answers to requests of the HTTP transports.
 *
 * @module
 */
import { type ErrorCode, fault } from "../../contract/mod.ts";

/** The HTTP status of each error code; 500 for all others. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_format: 400,
  forbidden: 403,
  session_not_found: 404,
  too_large: 413,
  rate_limited: 429,
  unavailable: 503,
};

/** The answer to one request. */
export interface HttpAnswer {
  /** The HTTP status. */
  status: number;
  /** JSON, or empty. */
  body: string | Uint8Array;
}

/** What a request asks of a session: `send` delivers frames to it, `poll` fetches frames from it. */
export type RequestKind = "send" | "poll";

/** The answer to a request that succeeded and has no result. */
export const NO_CONTENT: HttpAnswer = { status: 204, body: "" };

/** Returns the answer that refuses a request. Its body is the `error` frame. */
export function refusal(code: ErrorCode, detail?: string): HttpAnswer {
  const body = JSON.stringify({ type: "error", ...fault(code, detail) });
  return { status: STATUS[code] ?? 500, body };
}
