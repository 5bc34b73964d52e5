/**
 * What requests of the transports over HTTP are answered with.
 *
 * @module
 */
import { type ErrorCode, fault } from "../../contract/mod.ts";

/** The status that a refusal has over HTTP. */
const STATUS: Partial<Record<ErrorCode, number>> = {
  invalid_format: 400,
  forbidden: 403,
  session_not_found: 404,
  too_large: 413,
  unavailable: 503,
};

/** What is answered. */
export interface Answer {
  status: number;
  body: string | Uint8Array;
}

/** What is asked of a session. */
export type Asked = "send" | "poll";

/** All is well and there is nothing to say. */
export const NO_CONTENT: Answer = { status: 204, body: "" };

/** A refusal as an answer: its body is the `error` frame. */
export function refusal(code: ErrorCode, detail?: string): Answer {
  const body = JSON.stringify({ type: "error", ...fault(code, detail) });
  return { status: STATUS[code] ?? 500, body };
}
