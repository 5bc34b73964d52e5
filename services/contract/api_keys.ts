/**
 * The keys with which back-ends use the HTTP API: what a key may do, and the file that holds them. No I/O;
 * imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { MAX_ROOM_PATTERNS } from "./limits.ts";
import { RoomPattern } from "./rooms.ts";

/** What a key may do, with the operations that each scope allows. */
export const API_SCOPES = {
  publish: "messages and signals to rooms",
  events: "events to users",
  read: "history and presence of rooms",
  connections: "connections of users: list and close them",
  moderate: "kicks and bans",
  revoke: "revocations of tokens",
  tokens: "tokens for users",
  erase: "erasure of messages",
  stats: "numbers of rooms, users and connections",
} as const;
/** A scope: a key of {@link API_SCOPES}. */
export type ApiScope = keyof typeof API_SCOPES;

/** Every scope, in documentation order. */
export const ALL_API_SCOPES = Object.keys(API_SCOPES) as ApiScope[];

/** Most keys in one file. */
export const MAX_API_KEYS = 1_000;

const Time = z.number().int().min(0);

/** What the file keeps of a key. It cannot be used as the key. */
export const ApiKey = z.strictObject({
  /** Names the key in logs, and finds it. It is part of the key and no secret. */
  id: z.string().regex(/^[a-z0-9]{1,32}$/, "expected 1 to 32 characters of a-z 0-9"),
  /** For people: who uses it. */
  name: z.string().max(64),
  /** SHA-256 of the whole key, hexadecimal. */
  hash: z.string().regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal digits"),
  scopes: z.array(z.enum(ALL_API_SCOPES)),
  /** The rooms that the key is limited to; all rooms, and all that is not about rooms, without it. */
  rooms: z.array(RoomPattern).min(1).max(MAX_ROOM_PATTERNS).optional(),
  /** True: nobody screens what it publishes. */
  unscreened: z.literal(true).optional(),
  /** Operations a second; the API's default without it. */
  rate: z.number().min(0.1).max(1_000_000).optional(),
  createdAt: Time,
  expiresAt: Time.optional(),
});
/** The parsed form of {@link ApiKey}. */
export type ApiKey = z.infer<typeof ApiKey>;

/** The content of the file of API_KEYS_FILE. */
export const ApiKeysFile = z.strictObject({
  keys: z.array(ApiKey).max(MAX_API_KEYS).refine(
    (keys) => new Set(keys.map(({ id }) => id)).size === keys.length,
    "two keys have the same id",
  ),
});
/** The parsed form of {@link ApiKeysFile}. */
export type ApiKeysFile = z.infer<typeof ApiKeysFile>;

/**
 * Returns whether every room that matches `inner` also matches `outer`.
 *
 * @example
 * ```ts
 * import { coversPattern } from "./api_keys.ts";
 * import assert from "node:assert/strict";
 * assert.equal(coversPattern("chat.>", "chat.*.red"), true);
 * assert.equal(coversPattern("chat.*", "chat.lobby"), true);
 * assert.equal(coversPattern("chat.*", "chat.>"), false);
 * assert.equal(coversPattern("chat.>", "chat"), false);
 * ```
 */
export function coversPattern(outer: string, inner: string): boolean {
  const [outside, inside] = [outer.split("."), inner.split(".")];
  for (let i = 0; i < outside.length; i++) {
    if (outside[i] === ">") return inside.length > i;
    if (i >= inside.length || inside[i] === ">") return false;
    if (outside[i] !== "*" && outside[i] !== inside[i]) return false;
  }
  return outside.length === inside.length;
}
