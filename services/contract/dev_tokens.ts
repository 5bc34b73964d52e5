/**
 * `POST /token` of auth, which signs development tokens: its body and its answer. No I/O; imports only
 * zod.
 *
 * @module
 */
import * as z from "zod";
import { CallsClaim } from "./calls.ts";
import { MAX_TOKEN_LENGTH, MAX_USER_LENGTH } from "./limits.ts";
import { RoomsClaim } from "./rooms.ts";
import { nameProblem } from "./text.ts";

/** The longest life of a development token, seconds: a year. */
export const MAX_DEV_TOKEN_TTL = 31_536_000;

const Name = z.string({
  error: (issue) => issue.input === undefined ? "Required" : undefined,
}).trim().min(1, "expected at least 1 character").max(
  MAX_USER_LENGTH,
  `expected at most ${MAX_USER_LENGTH} characters`,
).superRefine((text, context) => {
  const problem = nameProblem(text);
  if (problem !== undefined) context.addIssue(problem);
});

/** The body of `POST /token`: whom the development token is for, and what it allows. */
export const DevTokenRequest = z.object({
  username: Name.describe("The name that others see."),
  userId: Name.optional().describe(
    "If absent, generated from the username and a random suffix.",
  ),
  rooms: RoomsClaim.optional().describe(
    "The rights in rooms; without it those of each room's namespace.",
  ),
  calls: CallsClaim.default(["*.*"]).describe("What the token may call; everything by default."),
  ttl: z.number().int().min(1).max(MAX_DEV_TOKEN_TTL).optional().describe(
    "The lifetime, seconds; AUTH_DEV_TOKEN_TTL by default.",
  ),
});

/** The answer of `POST /token`: a development token, and whom it is for. */
export const DevToken = z.object({
  token: z.string().max(MAX_TOKEN_LENGTH).describe("The signed token, a JWT."),
  userId: z.string().describe("The token's user."),
  username: z.string().describe("The user's name, trimmed."),
  expiresAt: z.number().int().min(0).describe(
    "When the token expires, milliseconds since 1970.",
  ),
});
/** The parsed form of {@link DevToken}. */
export type DevToken = z.infer<typeof DevToken>;

/** The answer of `POST /token` to a request that it refuses. */
export const DevTokenRefused = z.object({ error: z.string().describe("What is wrong.") });
/** The parsed form of {@link DevTokenRefused}. */
export type DevTokenRefused = z.infer<typeof DevTokenRefused>;
