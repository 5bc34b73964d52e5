/**
 * Turns the claims of a verified token into an identity.
 *
 * @module
 */
import * as z from "zod";
import {
  CallsClaim,
  type Identity,
  MAX_USER_LENGTH,
  nameProblem,
  RoomsClaim,
  TokenId,
} from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";

/**
 * Largest `exp`, seconds: the last day that a JavaScript Date can represent (ECMA-262 21.4.1.1).
 */
const MAX_EXPIRY = 8.64e12;

/**
 * Most characters of a claim's path in a refusal. Room patterns are the token's own text and may be
 * long.
 */
const MAX_SHOWN = 80;

/** Reports a missing claim as `Required`, like a missing field of a frame. */
const required = (issue: { input?: unknown }) => issue.input === undefined ? "Required" : undefined;

/** The id or a name of a user. */
const Text = z.string({ error: required }).max(
  MAX_USER_LENGTH,
  `expected at most ${MAX_USER_LENGTH} characters`,
).superRefine((text, context) => {
  const problem = nameProblem(text);
  if (problem !== undefined) context.addIssue(problem);
});

const Claims = z.object({
  sub: Text.min(1, "expected at least 1 character"),
  /** Names in order of preference. An empty one counts as absent. */
  name: Text.optional(),
  username: Text.optional(),
  preferred_username: Text.optional(),
  /** Seconds since 1970, fractions allowed (RFC 7519 2, NumericDate). */
  exp: z.number({ error: required }).min(0).max(MAX_EXPIRY, "too far in the future"),
  /** Seconds since 1970, when the token was issued. */
  iat: z.number().min(0).max(MAX_EXPIRY, "too far in the future").optional(),
  jti: TokenId.optional(),
  rooms: RoomsClaim.optional(),
  calls: CallsClaim.optional(),
});
const ClaimsWithoutExpiry = Claims.partial({ exp: true });

/** What an identity's token must be like. */
export interface ClaimRules {
  /** Whether `exp` is required; true by default. */
  requireExpiry?: boolean;
  /**
   * The longest time from `iat` to `exp`, seconds; no limit by default. Without `iat` it counts from
   * `now`, milliseconds since 1970.
   */
  maxLifetime?: number;
  now?: number;
}

/**
 * Makes an identity from the payload of a verified token.
 *
 * @throws {FaultError} `unauthorized`, with the first invalid claim and the problem as detail
 *
 * @example
 * ```ts
 * import { identityFromClaims } from "./claims.ts";
 * import assert from "node:assert/strict";
 * assert.deepEqual(identityFromClaims({ sub: "u1", name: "Ann", exp: 1_800_000_000.5 }), {
 *   userId: "u1",
 *   username: "Ann",
 *   expiresAt: 1_800_000_000_500,
 *   rooms: null,
 *   calls: [],
 *   tokenId: null,
 *   issuedAt: null,
 * });
 * assert.throws(
 *   () => identityFromClaims({ sub: "u1", exp: 1, rooms: ["a.>.b"] }),
 *   /claims: rooms\.0: expected a room pattern/,
 * );
 * ```
 */
export function identityFromClaims(
  payload: unknown,
  rules: ClaimRules = {},
): Identity {
  const schema = rules.requireExpiry === false ? ClaimsWithoutExpiry : Claims;
  const parsed = schema.safeParse(payload);
  if (!parsed.success) {
    throw new FaultError("unauthorized", `claims: ${describe(parsed.error.issues[0]!)}`);
  }
  const { sub, name, username, preferred_username, exp, iat, jti = null } = parsed.data;
  const { rooms = null, calls = [] } = parsed.data;
  const { maxLifetime = Infinity, now = Date.now() } = rules;
  if (exp !== undefined && exp - (iat ?? now / 1_000) > maxLifetime) {
    throw new FaultError("unauthorized", `claims: exp: more than ${maxLifetime} s after iat`);
  }
  return {
    userId: sub,
    username: name || username || preferred_username || sub,
    expiresAt: exp === undefined ? null : Math.floor(exp * 1_000),
    rooms,
    calls,
    tokenId: jti,
    issuedAt: iat === undefined ? null : Math.floor(iat * 1_000),
  };
}

/**
 * Describes an issue as `path: problem`. For a claim with two shapes (`rooms`), reports the issue
 * of the shape that matches further.
 */
function describe(issue: z.core.$ZodIssue): string {
  const path = [...issue.path];
  let message = issue.message;
  if (issue.code === "invalid_union") {
    // A shape that does not match at all reports the type of the whole value.
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
