/**
 * How a trusted caller gets tokens for users. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { endpoint } from "./bus.ts";
import { UserId } from "./frame_fields.ts";
import { CallsClaim } from "./calls.ts";
import * as limits from "./limits.ts";
import { RoomsClaim } from "./rooms.ts";

/** The longest life of a token that can be asked for, seconds: ten years. Auth's own limit may be lower. */
export const MAX_TOKEN_TTL = 315_360_000;

/**
 * Signs a token. Served by auth, which alone holds the secret; refused with `forbidden` where auth only
 * verifies tokens, because others sign them.
 */
export const AuthIssue = endpoint(
  "auth.issue",
  z.object({
    userId: UserId,
    username: z.string().max(limits.MAX_USER_LENGTH).optional(),
    rooms: RoomsClaim.optional(),
    /** Nothing by default. */
    calls: CallsClaim.optional(),
    /** The life of the token, seconds. */
    ttl: z.number().int().min(1).max(MAX_TOKEN_TTL),
  }),
  z.object({
    token: z.string(),
    /** The token's `jti`, by which it can be revoked. */
    tokenId: z.string(),
    /** Milliseconds since 1970. */
    expiresAt: z.number().int().min(0),
  }),
);
