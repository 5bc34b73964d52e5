/**
 * Who has to stay out, and what is taken back: kicks, bans, revocations and erasures.
 *
 * @module
 */
import * as z from "zod";
import {
  ArchivedPlace,
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  Denial,
  type Endpoint,
  Epoch,
  HistoryErase,
  MAX_DENIALS_PAGE,
  RoomName,
  RoomsBan,
  RoomsBans,
  RoomsKick,
  RoomsUnban,
  Seq,
  Time,
  TokenId,
} from "../../contract/mod.ts";
import { request } from "../../kit/mod.ts";
import { Reason, User } from "./fields.ts";
import { type Backend, type Call, operation } from "./operation.ts";
import { withState } from "./state_error.ts";

/** An erasure of a user goes on with another part while this much time is left, milliseconds. */
const ERASE_MORE_MS = 2_000;

/** Passes a request on to the service that serves it. */
function pass<Request, Reply>(endpoint: Endpoint<Request, Reply>) {
  return (given: Request, { context, timeLeft }: Call, { bus }: Backend) =>
    withState(409, () => request(bus, endpoint, given, { context, timeout: timeLeft() }));
}

const roomOf = ({ room }: { room: string; userId: string; reason?: string }) => [room];
const beyondRooms = () => undefined;
const whom = { room: RoomName, userId: User };
const page = {
  after: z.string().max(1_024).optional().describe("`next` of the page before."),
  limit: z.number().int().min(1).max(MAX_DENIALS_PAGE).optional(),
};
const Denials = z.strictObject({
  denials: z.array(Denial),
  count: z.number().int().min(0).describe("Denials of all kinds that are stored."),
  next: z.string().optional().describe("Where the next page begins; absent on the last one."),
});

/** Takes a user out of a room. */
export const kick = operation({
  name: "kick",
  scope: "moderate",
  summary: "Take a user out of a room",
  description: "The user may come back.",
  request: z.strictObject({ ...whom, reason: Reason.optional() }),
  reply: z.strictObject({}),
  example: { room: "chat.lobby", userId: "u9", reason: "Please calm down." },
  rooms: roomOf,
  run: pass(RoomsKick),
});

/** Bans a user from a room. */
export const ban = operation({
  name: "ban",
  scope: "moderate",
  summary: "Take a user out of a room and keep it out",
  description: "Effective on every gateway within a second.",
  request: z.strictObject({
    ...whom,
    until: Time.optional().describe("Milliseconds since 1970; for ever by default."),
    reason: Reason.optional(),
  }),
  reply: z.strictObject({ banned: Denial }),
  example: { room: "chat.lobby", userId: "u9", reason: "spam" },
  rooms: roomOf,
  run: pass(RoomsBan),
});

/** Lifts a ban. */
export const unban = operation({
  name: "unban",
  scope: "moderate",
  summary: "Lift a ban",
  request: z.strictObject(whom),
  reply: z.strictObject({ lifted: z.boolean().describe("Whether there was such a ban.") }),
  example: { room: "chat.lobby", userId: "u9" },
  rooms: roomOf,
  run: pass(RoomsUnban),
});

/** Lists bans. */
export const bans = operation({
  name: "bans",
  scope: "moderate",
  summary: "List the bans of a room, of a user, or all",
  reads: true,
  request: z.strictObject({ room: RoomName.optional(), userId: User.optional(), ...page }),
  reply: Denials,
  example: { room: "chat.lobby" },
  rooms: ({ room }) => room === undefined ? undefined : [room],
  run: pass(RoomsBans),
});

/** Revokes tokens. */
export const revoke = operation({
  name: "revoke",
  scope: "revoke",
  summary: "Revoke one token, or all tokens of a user",
  description: "Their connections are closed with 4004, on every gateway within a second.",
  request: z.union([
    z.strictObject({
      userId: User,
      before: Time.optional().describe("Tokens issued before this time; now by default."),
      reason: Reason.optional(),
    }),
    z.strictObject({
      tokenId: TokenId.describe("The token's `jti`."),
      expiresAt: Time.optional().describe("When the token expires, if that is known."),
      reason: Reason.optional(),
    }),
  ]),
  reply: z.strictObject({ revoked: Denial }),
  example: { userId: "u9", reason: "account closed" },
  rooms: beyondRooms,
  run: pass(AuthRevoke),
});

/** Takes a revocation back. */
export const unrevoke = operation({
  name: "unrevoke",
  scope: "revoke",
  summary: "Take a revocation back",
  request: z.union([z.strictObject({ userId: User }), z.strictObject({ tokenId: TokenId })]),
  reply: z.strictObject({ lifted: z.boolean().describe("Whether there was such a revocation.") }),
  example: { userId: "u9" },
  rooms: beyondRooms,
  run: pass(AuthUnrevoke),
});

/** Lists revocations. */
export const revocations = operation({
  name: "revocations",
  scope: "revoke",
  summary: "List the revocations in force",
  reads: true,
  request: z.strictObject(page),
  reply: Denials,
  example: { limit: 100 },
  rooms: beyondRooms,
  run: pass(AuthRevocations),
});

/** Erases messages. */
export const erase = operation({
  name: "erase",
  scope: "erase",
  summary: "Erase one message, or all messages of a user",
  description:
    "Content and sender are removed from archive and log; the place in the order is left. Erasing " +
    "a user may take several requests: repeat it with `after` set to `next` until the reply has none.",
  request: z.union([
    z.strictObject({ room: RoomName, seq: Seq, epoch: Epoch.optional() }),
    z.strictObject({ userId: User, after: ArchivedPlace.optional() }),
  ]),
  reply: z.strictObject({ erased: z.number().int().min(0), next: ArchivedPlace.optional() }),
  example: { userId: "u9" },
  rooms: (what) => "room" in what ? [what.room] : undefined,
  async run(what, call, backend) {
    const eraseOnce = (part: typeof what) => {
      const options = { context: call.context, timeout: call.timeLeft() };
      return withState(404, () => request(backend.bus, HistoryErase, part, options));
    };
    const first = await eraseOnce(what);
    let { erased, next } = first;
    while ("userId" in what && next !== undefined && call.timeLeft() > ERASE_MORE_MS) {
      const more = await eraseOnce({ userId: what.userId, after: next });
      erased += more.erased;
      next = more.next;
    }
    return { erased, next };
  },
});
