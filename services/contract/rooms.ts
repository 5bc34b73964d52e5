/**
 * Room names, the patterns that name many, and the rights one may hold in a room. A room's name is
 * a fragment of a NATS subject, so a pattern here is a NATS pattern. No I/O; imports zod.
 *
 * @module
 */
import * as z from "zod";
import { MAX_ROOM_PATTERNS, MAX_ROOM_TOKENS, ROOM_BUCKETS } from "./limits.ts";

const TOKEN = "[A-Za-z0-9_-]{1,64}";
const ROOM = new RegExp(`^${TOKEN}(?:\\.${TOKEN}){0,${MAX_ROOM_TOKENS - 1}}$`);
const PART = `(?:\\*|${TOKEN})`;
const PATTERN = new RegExp(`^(?:>|${PART}(?:\\.${PART}){0,3}(?:\\.>)?)$`);

/** A room's name: one to four tokens of `[A-Za-z0-9_-]{1,64}` joined by dots. */
export const RoomName = z.string().regex(
  ROOM,
  "expected a room name: 1 to 4 tokens of A-Z a-z 0-9 _ - (64 at most) joined by dots",
);

/** A NATS pattern over room names: `*` stands for one token, a last `>` for one or more. */
export const RoomPattern = z.string().regex(
  PATTERN,
  'expected a room pattern such as "lobby", "chat.*" or "game.>"',
);

/** What one may do in a room. `subscribe` is needed to enter at all. */
export const Right = z.enum(["subscribe", "publish", "history", "presence"]);
export type Right = z.infer<typeof Right>;

/** Every right, in the order they are documented. */
export const ALL_RIGHTS: readonly Right[] = Right.options;

/**
 * The `rooms` claim of a token: a list of patterns (every right in each), or patterns with the
 * rights held there.
 */
export const RoomsClaim = z.union([
  z.array(RoomPattern).max(MAX_ROOM_PATTERNS),
  z.record(RoomPattern, z.array(Right)).refine(
    (rooms) => Object.keys(rooms).length <= MAX_ROOM_PATTERNS,
    `expected at most ${MAX_ROOM_PATTERNS} room patterns`,
  ),
]);
export type RoomsClaim = z.infer<typeof RoomsClaim>;

/**
 * Whether `room` is one of those that `pattern` names, by NATS's rules.
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
 * The rights that a `rooms` claim gives in `room`: the union over the patterns that match it.
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
 * The bucket of a room, 0 to 63: FNV-1a (32 bit) of its name modulo {@link ROOM_BUCKETS}. Part of
 * every subject of the room, so the function can never change.
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
