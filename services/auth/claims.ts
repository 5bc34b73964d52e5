/**
 * The claims of a token whose signature holds, and the identity they make.
 *
 * @module
 */
import * as z from "zod";
import { type Identity, MAX_USER_LENGTH, RoomsClaim } from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";

/** Largest `exp`, seconds: the last day that a JavaScript Date can name (ECMA-262 21.4.1.1). */
const MAX_EXPIRY = 8.64e12;

/** Characters of a refused claim's name that are told: room patterns are the token's own words. */
const MAX_SHOWN = 80;

/** A missing claim is told as `Required`, like the missing field of a frame. */
const required = (issue: { input?: unknown }) => issue.input === undefined ? "Required" : undefined;

/**
 * Half a surrogate pair is refused: encoded as UTF-8 all such halves are the same character, and two
 * users would share one subject.
 */
const Text = z.string({ error: required }).max(
  MAX_USER_LENGTH,
  `expected at most ${MAX_USER_LENGTH} characters`,
).refine((text) => text.isWellFormed(), "expected well-formed Unicode");

const Claims = z.object({
  sub: Text.min(1, "expected 1 character at least"),
  /** Names in the order they are preferred; one that is empty counts as absent. */
  name: Text.optional(),
  username: Text.optional(),
  preferred_username: Text.optional(),
  /** Seconds since 1970, fractions allowed (RFC 7519 2, NumericDate). */
  exp: z.number({ error: required }).min(0).max(MAX_EXPIRY, "too far in the future"),
  rooms: RoomsClaim.optional(),
});
const ClaimsWithoutEnd = Claims.partial({ exp: true });

/**
 * Makes an identity of the payload of a verified token.
 *
 * @throws {FaultError} `unauthorized`, with the claim that is wrong and what it lacks
 *
 * @example
 * ```ts
 * import { identityOf } from "./claims.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(identityOf({ sub: "u1", name: "Ann", exp: 1_800_000_000.5 }), {
 *   userId: "u1",
 *   username: "Ann",
 *   expiresAt: 1_800_000_000_500,
 *   rooms: null,
 * });
 * assert.throws(
 *   () => identityOf({ sub: "u1", exp: 1, rooms: ["a.>.b"] }),
 *   /claims: rooms\.0: expected a room pattern/,
 * );
 * ```
 */
export function identityOf(
  payload: unknown,
  options: { requireExpiry?: boolean } = {},
): Identity {
  const schema = options.requireExpiry === false ? ClaimsWithoutEnd : Claims;
  const parsed = schema.safeParse(payload);
  if (!parsed.success) {
    throw new FaultError("unauthorized", `claims: ${describe(parsed.error.issues[0]!)}`);
  }
  const { sub, name, username, preferred_username, exp, rooms = null } = parsed.data;
  return {
    userId: sub,
    username: name || username || preferred_username || sub,
    expiresAt: exp === undefined ? null : Math.floor(exp * 1_000),
    rooms,
  };
}

/**
 * What is wrong, as `path: what`. Of a claim with two shapes (`rooms`) the complaint is that of the
 * shape which fits further.
 */
function describe(issue: z.core.$ZodIssue): string {
  const path = [...issue.path];
  let message = issue.message;
  if (issue.code === "invalid_union") {
    // A shape that does not fit at all complains of the type of the whole.
    const inner = issue.errors.map((issues) => issues[0]!)
      .find(({ path, code }) => path.length > 0 || code !== "invalid_type");
    if (inner === undefined) {
      message = "expected a list of room patterns, or room patterns with lists of rights";
    } else {
      path.push(...inner.path);
      message = inner.code === "invalid_key" ? inner.issues[0]!.message : inner.message;
    }
  }
  return `${path.join(".").slice(0, MAX_SHOWN)}: ${message}`;
}
