/**
 * What an `error` frame says about the frame that it refuses. No I/O.
 *
 * @module
 */
import {
  type ClientFrame,
  type CloseName,
  type ErrorCode,
  ERRORS,
  type Fault,
} from "../../contract/mod.ts";

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

/** What the details of refusals say about limits; see `quotas/allowance.ts`. */
const LIMITS: readonly [detail: RegExp, limit: (found: string) => string][] = [
  [
    /: (frames|bytes|messages|joins|new rooms|history|calls|connections) of this user/,
    (what) => `user ${what}`,
  ],
  [/: \d+ (answers|rooms)\b/, (what) => `user ${what}`],
  [/: your earlier pages have not been (read)|: (read) what is queued/, () => "unread history"],
  [/: (messages) in /, (what) => `namespace ${what}`],
  [/: too many (\w+(?: rooms)?) from this address/, (what) => `address ${what}`],
  [/: too many (frames) wait/, (what) => `waiting ${what}`],
  [/: too many (messages) await storage/, (what) => `pending ${what}`],
];

/** The limit because of which something is refused, for the counters; null if it is another reason. */
export function limitOf({ code, message }: Fault): string | null {
  if (code === "too_many_rooms") return "connection rooms";
  if (code !== "rate_limited" && code !== "unavailable") return null;
  for (const [detail, limit] of LIMITS) {
    const found = detail.exec(message);
    if (found !== null) return limit(found[1] ?? "");
  }
  if (code === "unavailable") return null;
  return message === ERRORS.rate_limited ? "connection frames" : "other";
}

/** How to close the connection of a refused token; null leaves it open. `first`: it has no other token. */
export function closeAfterToken(code: ErrorCode, first: boolean): CloseName | null {
  if (code === "token_expired") return "token_expired";
  if (code !== "unavailable") return "unauthorized";
  // A refresh that failed because auth is unreachable ends nothing: the old token is still valid.
  return first ? "unavailable" : null;
}

/** The `id` and `room` of a frame, if it has them. */
export function referenceOf(frame: ClientFrame): { id?: string; room?: string } {
  return {
    id: "id" in frame ? frame.id : undefined,
    room: "room" in frame ? frame.room : undefined,
  };
}
