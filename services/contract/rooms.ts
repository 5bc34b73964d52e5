/**
 * Room names, patterns that match room names, and the rights a user may hold in a room. A room name
 * is part of a NATS subject, so a room pattern is a NATS pattern. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { MAX_ROOM_PATTERNS, MAX_ROOM_TOKENS, ROOM_BUCKETS } from "./limits.ts";

const TOKEN = "[A-Za-z0-9_-]{1,64}";
const ROOM = new RegExp(`^${TOKEN}(?:\\.${TOKEN}){0,${MAX_ROOM_TOKENS - 1}}$`);
const PART = `(?:\\*|${TOKEN})`;
const PATTERN = new RegExp(`^(?:>|${PART}(?:\\.${PART}){0,3}(?:\\.>)?)$`);

/** A room name: one to four tokens of `[A-Za-z0-9_-]{1,64}` joined by dots. */
export const RoomName = z.string().regex(
  ROOM,
  "expected a room name: 1 to 4 tokens of A-Z a-z 0-9 _ - (64 at most) joined by dots",
);

/** A NATS pattern of room names: `*` matches one token, a trailing `>` matches one or more. */
export const RoomPattern = z.string().regex(
  PATTERN,
  'expected a room pattern such as "lobby", "chat.*" or "game.>"',
);

/**
 * A right in a room. Entering the room requires `subscribe`. `trace` lets a client have its own messages
 * recorded whatever the sampling ratio, and see the trace context of messages.
 */
export const Right = z.enum(["subscribe", "publish", "history", "presence", "trace"]);
/** One of the rights of {@link Right}. */
export type Right = z.infer<typeof Right>;

/** Every right, in documentation order. */
export const ALL_RIGHTS: readonly Right[] = Right.options;

/**
 * The `rooms` claim of a token: a list of room patterns, each granting every right, or a map from
 * room patterns to lists of rights.
 */
export const RoomsClaim = z.union([
  z.array(RoomPattern).max(MAX_ROOM_PATTERNS),
  z.record(RoomPattern, z.array(Right)).refine(
    (rooms) => Object.keys(rooms).length <= MAX_ROOM_PATTERNS,
    `expected at most ${MAX_ROOM_PATTERNS} room patterns`,
  ).meta({ maxProperties: MAX_ROOM_PATTERNS }),
], { error: "expected a list of room patterns, or a map from room patterns to lists of rights" });
/** The parsed form of {@link RoomsClaim}. */
export type RoomsClaim = z.infer<typeof RoomsClaim>;

/**
 * Returns whether `room` matches `pattern` under NATS's rules.
 *
 * @example
 * ```ts
 * import { matchesRoom } from "./rooms.ts";
 * import assert from "node:assert/strict";
 * assert.equal(matchesRoom("chat.*", "chat.lobby"), true);
 * assert.equal(matchesRoom("chat.*", "chat"), false);
 * assert.equal(matchesRoom("game.>", "game.42.red"), true);
 * assert.equal(matchesRoom("game.>", "game"), false);
 * ```
 */
export function matchesRoom(pattern: string, room: string): boolean {
  const parts = pattern.split(".");
  const tokens = room.split(".");
  for (let i = 0; i < parts.length; i++) {
    if (parts[i] === ">") return tokens.length > i;
    if (i >= tokens.length || (parts[i] !== "*" && parts[i] !== tokens[i])) return false;
  }
  return parts.length === tokens.length;
}

/**
 * Returns the rights that a `rooms` claim grants in `room`: the union over all matching patterns.
 *
 * @example
 * ```ts
 * import { rightsInRoom } from "./rooms.ts";
 * import assert from "node:assert/strict";
 * const claim = { "chat.*": ["subscribe" as const], "chat.dev": ["publish" as const] };
 * assert.deepEqual([...rightsInRoom(claim, "chat.dev")], ["subscribe", "publish"]);
 * ```
 */
export function rightsInRoom(claim: RoomsClaim, room: string): Set<Right> {
  const rights = new Set<Right>();
  if (Array.isArray(claim)) {
    if (claim.some((pattern) => matchesRoom(pattern, room))) {
      for (const right of ALL_RIGHTS) rights.add(right);
    }
    return rights;
  }
  for (const [pattern, given] of Object.entries(claim)) {
    if (matchesRoom(pattern, room)) { for (const right of given) rights.add(right); }
  }
  return rights;
}

/**
 * Returns whether a `rooms` claim grants a right in any room at all.
 *
 * @example
 * ```ts
 * import { grantsAnywhere } from "./rooms.ts";
 * import assert from "node:assert/strict";
 * assert.equal(grantsAnywhere(["chat.*"], "trace"), true);
 * assert.equal(grantsAnywhere({ "chat.*": ["subscribe"] }, "trace"), false);
 * ```
 */
export function grantsAnywhere(claim: RoomsClaim, right: Right): boolean {
  if (Array.isArray(claim)) return claim.length > 0;
  return Object.values(claim).some((given) => given.includes(right));
}

/**
 * Returns the bucket of a room, 0 to 63: FNV-1a (32 bit) of its name modulo {@link ROOM_BUCKETS}.
 * The bucket is part of every subject of the room, so this function must never change.
 *
 * @example
 * ```ts
 * import { bucketOf } from "./rooms.ts";
 * import assert from "node:assert/strict";
 * assert.equal(bucketOf("lobby"), 19);
 * ```
 */
export function bucketOf(room: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < room.length; i++) {
    hash = Math.imul(hash ^ room.charCodeAt(i), 0x01000193);
  }
  return (hash >>> 0) % ROOM_BUCKETS;
}
