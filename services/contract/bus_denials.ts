/**
 * Denials: revoked tokens, and users banned from rooms. They are stored in a JetStream stream, one
 * message for each, which gateways and auth follow. This file has the stream's subjects, its messages,
 * and the endpoints that write them. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { endpoint } from "./bus.ts";
import { UserId } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { RoomName } from "./rooms.ts";
import { subjectToken } from "./subjects.ts";

/** The stream that holds the denials. */
export const DENIALS_STREAM = "DENIALS";
/** The subjects that {@link DENIALS_STREAM} stores. */
export const DENIALS_STREAM_SUBJECT = "denial.>";

/** The last time that a Date can represent, milliseconds since 1970 (ECMA-262 21.4.1.1). */
export const LAST_TIME = 8.64e15;

/** Milliseconds since 1970, up to {@link LAST_TIME}. */
export const Time = z.number().int().min(0).max(LAST_TIME);

/** The id of a token: its `jti` claim. */
export const TokenId = z.string().min(1).max(limits.MAX_TOKEN_ID_LENGTH);

/** Why an operator or a service denies something: the user concerned may see it. */
const Reason = z.string().max(limits.MAX_REASON_LENGTH);

/** What all denials have. */
const Common = {
  at: Time.describe("When the denial was made."),
  expiresAt: Time.nullable().describe("When the denial ends; null if it never does."),
  lifted: z.literal(true).optional().describe(
    "The denial was taken back. It is kept for a while, so that everybody who follows " +
      "learns it.",
  ),
  reason: Reason.optional().describe("Why, for people: the user concerned may see it."),
};

/** A message of {@link DENIALS_STREAM}. */
export const Denial = z.discriminatedUnion("kind", [
  z.object({ kind: z.literal("user"), userId: UserId, before: Time, ...Common }).describe(
    "All tokens of a user that were issued before `before` are revoked.",
  ),
  z.object({ kind: z.literal("token"), tokenId: TokenId, ...Common }).describe(
    "One token is revoked.",
  ),
  z.object({ kind: z.literal("ban"), userId: UserId, room: RoomName, ...Common }).describe(
    "A user may not be in a room.",
  ),
]);
/** The parsed form of {@link Denial}. */
export type Denial = z.infer<typeof Denial>;

/** What a denial is about, without its times. */
export type Denied =
  | { kind: "user"; userId: string }
  | { kind: "token"; tokenId: string }
  | { kind: "ban"; userId: string; room: string };

/**
 * The subject that a denial is stored on. A later one about the same replaces it.
 *
 * @example
 * ```ts
 * import { denialSubject } from "./bus_denials.ts";
 * import assert from "node:assert/strict";
 * assert.equal(denialSubject({ kind: "ban", userId: "u7", room: "chat.lobby" }), "denial.ban.u7.chat.lobby");
 * ```
 */
export function denialSubject(denied: Denied): string {
  switch (denied.kind) {
    case "user":
      return `denial.user.${subjectToken(denied.userId)}`;
    case "token":
      return `denial.token.${subjectToken(denied.tokenId)}`;
    case "ban":
      return `denial.ban.${subjectToken(denied.userId)}.${denied.room}`;
  }
}

/** Names tokens: all of one user, or one by its id. */
const Tokens = { userId: UserId.optional(), tokenId: TokenId.optional() };
const namesOne = ({ userId, tokenId }: { userId?: string; tokenId?: string }) =>
  (userId === undefined) !== (tokenId === undefined);
const NAMES_ONE = "expected userId or tokenId";
/** The same for JSON Schema. Generators of code understand it better than `oneOf`. */
const ONE_OF_THEM = {
  if: { required: ["userId"] },
  then: { not: { required: ["tokenId"] } },
  else: { required: ["tokenId"] },
};

/**
 * Revokes tokens: one by its `jti`, or all of a user that were issued before a time. Served by auth. The
 * reply is sent when the revocation is stored; gateways apply it within a second.
 */
export const AuthRevoke = endpoint(
  "auth.revoke",
  z.object({
    ...Tokens,
    before: Time.optional().describe(
      "With `userId`: tokens issued before this time, milliseconds since 1970; now by default.",
    ),
    expiresAt: Time.optional().describe(
      "With `tokenId`: when the token expires, milliseconds since 1970, if that is known.",
    ),
    reason: Reason.optional(),
  }).refine(namesOne, NAMES_ONE).meta(ONE_OF_THEM),
  z.object({ revoked: Denial }),
);

/** Takes a revocation back. Served by auth. */
export const AuthUnrevoke = endpoint(
  "auth.unrevoke",
  z.object(Tokens).refine(namesOne, NAMES_ONE).meta(ONE_OF_THEM),
  z.object({ lifted: z.boolean().describe("Whether there was such a revocation.") }),
);

const Page = {
  after: z.string().max(limits.MAX_DENIAL_KEY_LENGTH).optional().describe(
    "Continues after the page that ended with this.",
  ),
  limit: z.number().int().min(1).max(limits.MAX_DENIALS_PAGE).optional(),
};
const PageReply = z.object({
  denials: z.array(Denial),
  count: z.number().int().min(0).describe(
    "How many denials are stored, of all kinds, and those that were lifted within the hour.",
  ),
  next: z.string().optional().describe("Where the next page continues; absent on the last one."),
});

/** Lists the revocations in force. Served by auth. */
export const AuthRevocations = endpoint("auth.revocations", z.object(Page), PageReply);

const Ban = { room: RoomName, userId: UserId };

/** Takes a user out of a room. The user may come back. Served by rooms. */
export const RoomsKick = endpoint(
  "rooms.kick",
  z.object({ ...Ban, reason: Reason.optional() }),
  z.object({}),
);

/**
 * Takes a user out of a room and keeps it out, until `until` if that is given. Served by rooms. The reply
 * is sent when the ban is stored; gateways apply it within a second.
 */
export const RoomsBan = endpoint(
  "rooms.ban",
  z.object({
    ...Ban,
    until: Time.optional().describe(
      "When the ban ends, milliseconds since 1970. Without it somebody has to lift it.",
    ),
    reason: Reason.optional(),
  }),
  z.object({ banned: Denial }),
);

/** Lifts a ban. Served by rooms. */
export const RoomsUnban = endpoint(
  "rooms.unban",
  z.object(Ban),
  z.object({ lifted: z.boolean().describe("Whether there was such a ban.") }),
);

/** Lists the bans in force: of a room, of a user, or all. Served by rooms. */
export const RoomsBans = endpoint(
  "rooms.bans",
  z.object({ room: RoomName.optional(), userId: UserId.optional(), ...Page }),
  PageReply,
);

/** The subject on which rooms tells gateways to take a user out of a room. */
export const ROOM_KICKED = "room.kicked";
/** The payload of {@link ROOM_KICKED}. */
export const KickedEvent = z.object({ ...Ban, reason: Reason.optional() });
/** The parsed form of {@link KickedEvent}. */
export type KickedEvent = z.infer<typeof KickedEvent>;
