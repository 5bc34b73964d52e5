/**
 * Calls of services: the `calls` claim of a token, which says what its bearer may call, and what the
 * gateway asks a service. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { UserId, Username } from "./frame_fields.ts";
import { MAX_CALL_PATTERNS } from "./limits.ts";
import { RoomsClaim } from "./rooms.ts";

const NAME = "[A-Za-z0-9_-]{1,64}";

/** A pattern of methods: `dice.roll`, `dice.*` (every method of a service) or `*.*` (every method). */
export const CallPattern = z.string().regex(
  new RegExp(`^(?:\\*|${NAME})\\.(?:\\*|${NAME})$`),
  'expected a pattern of calls such as "dice.roll", "dice.*" or "*.*"',
);

/** The `calls` claim. Without it a token may call nothing. */
export const CallsClaim = z.array(CallPattern).max(
  MAX_CALL_PATTERNS,
  `expected at most ${MAX_CALL_PATTERNS} patterns of calls`,
);
/** The parsed form of {@link CallsClaim}. */
export type CallsClaim = z.infer<typeof CallsClaim>;

/**
 * The payload of a request on `call.<service>.<method>`. The gateway fills in the user from the client's
 * token, so the service can trust it.
 */
export const CallRequest = z.object({
  data: z.unknown().describe("What the client sent as `data`; null if it sent none."),
  userId: UserId,
  username: Username,
  // Absent: an earlier gateway, which does not say them.
  rooms: RoomsClaim.nullable().optional().describe(
    "The claim `rooms` of the client's token; null if the token has none. `rooms.grant` turns it " +
      "into rights in a room.",
  ),
  calls: CallsClaim.optional().describe(
    "The claim `calls` of the client's token; empty if it has none.",
  ),
});
/** The parsed form of {@link CallRequest}. */
export type CallRequest = z.infer<typeof CallRequest>;

/**
 * Returns whether a `calls` claim allows a method of a service.
 *
 * @example
 * ```ts
 * import { allowsCall } from "./calls.ts";
 * import assert from "node:assert/strict";
 * assert.equal(allowsCall(["dice.*"], "dice", "roll"), true);
 * assert.equal(allowsCall(["dice.*"], "bank", "pay"), false);
 * assert.equal(allowsCall([], "dice", "roll"), false);
 * ```
 */
export function allowsCall(claim: CallsClaim, service: string, method: string): boolean {
  return claim.some((pattern) => {
    const dot = pattern.indexOf(".");
    const [ofService, ofMethod] = [pattern.slice(0, dot), pattern.slice(dot + 1)];
    return (ofService === "*" || ofService === service) &&
      (ofMethod === "*" || ofMethod === method);
  });
}
