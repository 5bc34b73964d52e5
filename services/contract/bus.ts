/**
 * What travels on NATS between the services: events, and endpoints (a request with its reply).
 * No I/O; imports zod. The subjects are in `subjects.ts`.
 *
 * @module
 */
import * as z from "zod";
import { Member, Seq } from "./frames.ts";
import * as limits from "./limits.ts";
import { Right, RoomName, RoomsClaim } from "./rooms.ts";

const UserId = z.string().min(1).max(limits.MAX_USER_LENGTH);
const Username = z.string().max(limits.MAX_USER_LENGTH);
/**
 * The place of a join or leave among those of its gateway. A request that was overtaken (a rooms
 * instance was stopped with it) is known by a lower turn, and changes nothing any more.
 */
const Turn = z.number().int().min(1);

/** When a request was sent, milliseconds since 1970; see `MAX_REQUEST_AGE_MS`. */
const SentAt = z.number().int().min(0);

const GatewayId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** A request that one of a queue group answers. A refusal travels in headers, never in the reply. */
export interface Endpoint<Request, Reply> {
  subject: string;
  request: z.ZodType<Request>;
  reply: z.ZodType<Reply>;
}

function endpoint<Request, Reply>(
  subject: string,
  request: z.ZodType<Request>,
  reply: z.ZodType<Reply>,
): Endpoint<Request, Reply> {
  return { subject, request, reply };
}

/**
 * A message of a room, as published and stored. It becomes a `room-message` frame by putting
 * `type`, `seq` and `prev` in front, without being parsed.
 */
export const RoomEvent = z.object({
  room: RoomName,
  id: z.string().min(1).max(limits.MAX_ID_LENGTH),
  userId: UserId,
  username: Username,
  content: z.unknown(),
  timestamp: z.number().int().min(0),
});
export type RoomEvent = z.infer<typeof RoomEvent>;

/** A signal of a room; becomes a `room-signal` frame by putting `type` in front. */
export const SignalEvent = RoomEvent.omit({ id: true, timestamp: true });
export type SignalEvent = z.infer<typeof SignalEvent>;

/** Who is in a room has changed, or (`seen`) was confirmed. */
export const PresenceEvent = z.object({
  change: z.enum(["joined", "left", "seen"]),
  userId: UserId,
  username: Username,
  /** About how many members there are then: instances that write at once do not see each other. */
  count: z.number().int().min(0),
});
export type PresenceEvent = z.infer<typeof PresenceEvent>;

/** An event for one user, delivered to each of their connections as an `event` frame. */
export const UserEvent = z.object({ topic: z.string().min(1).max(128), data: z.unknown() });
export type UserEvent = z.infer<typeof UserEvent>;

/** Who a verified token says its bearer is. */
export const Identity = z.object({
  userId: UserId,
  username: Username,
  /** Milliseconds since 1970; null where the token never expires. */
  expiresAt: z.number().int().min(0).nullable(),
  /** The token's `rooms` claim; null where it has none. */
  rooms: RoomsClaim.nullable(),
});
export type Identity = z.infer<typeof Identity>;

/** Verifies a token. Refuses with `unauthorized` or `token_expired`. Served by auth. */
export const AuthVerify = endpoint(
  "auth.verify",
  z.object({ token: z.string().max(limits.MAX_TOKEN_LENGTH) }),
  Identity,
);

/** How a room shows who is in it: each join and leave, the count alone, or nothing. */
export const PresenceMode = z.enum(["on", "counts", "off"]);
export type PresenceMode = z.infer<typeof PresenceMode>;

/** Asks to enter a room. Refuses with `forbidden` or `unavailable`. Served by rooms. */
export const RoomsJoin = endpoint(
  "rooms.join",
  z.object({
    room: RoomName,
    userId: UserId,
    username: Username,
    rooms: RoomsClaim.nullable(),
    gateway: GatewayId,
    turn: Turn,
    sentAt: SentAt,
  }),
  z.object({
    rights: z.array(Right),
    /** Whether the room's messages are stored, ordered and acked, or only passed on. */
    stored: z.boolean(),
    presence: PresenceMode,
    /** Members now, this one included; absent where presence is off. */
    count: z.number().int().min(0).optional(),
    /** The state of presence that has this join in it; 0 where presence is off. */
    revision: z.number().int().min(0),
  }),
);
export type Grant = z.infer<typeof RoomsJoin["reply"]>;

/** The last connection of a user on this gateway has left a room. Served by rooms. */
export const RoomsLeave = endpoint(
  "rooms.leave",
  z.object({
    room: RoomName,
    userId: UserId,
    gateway: GatewayId,
    turn: Turn,
    sentAt: SentAt,
  }),
  z.object({}),
);

/** One page of a room's members, in the order of their ids' subject tokens. Served by rooms. */
export const RoomsPresence = endpoint(
  "rooms.presence",
  z.object({
    room: RoomName,
    after: z.string().max(limits.MAX_USER_LENGTH).optional(),
    limit: z.number().int().min(1).max(limits.MAX_PRESENCE_PAGE),
    /** The answer must know at least this state of presence. */
    revision: z.number().int().min(0),
  }),
  z.object({
    count: z.number().int().min(0),
    members: z.array(Member),
    more: z.boolean(),
    /** The state of presence that the answer knows: later changes are not in it. */
    revision: z.number().int().min(0),
  }),
);

/** Said by each gateway once a second; its members leave when it has been silent too long. */
export const GATEWAY_ALIVE = "gateway.alive";
export const GatewayAlive = z.object({ gateway: GatewayId });

/** Said by rooms when it has let a gateway's members go: if the gateway lives, it joins them again. */
export function gatewayLostSubject(gateway: string): string {
  return `gateway.lost.${gateway}`;
}

/** A stored message as the archive gives it. */
export const ArchivedMessage = RoomEvent.extend({ seq: Seq, prev: Seq });
export type ArchivedMessage = z.infer<typeof ArchivedMessage>;

/**
 * One page of a room's archive. With `after`: the oldest that follow it, in rising order; else the
 * newest (before `before`), newest first. `upTo` is a seq the archive must have reached
 * first; where it cannot in time the request is refused with `unavailable`. Served by persistence.
 */
export const HistoryRead = endpoint(
  "history.read",
  z.object({
    room: RoomName,
    before: Seq.optional(),
    after: Seq.optional(),
    limit: z.number().int().min(1).max(limits.MAX_HISTORY_LIMIT),
    upTo: Seq.optional(),
  }),
  z.object({
    messages: z.array(ArchivedMessage),
    more: z.boolean(),
    /** The log whose seqs these are. */
    epoch: z.string(),
    /** Retention has taken messages up to this seq: what follows it is whole. 0: nothing taken. */
    trimmedTo: Seq,
  }),
);
export type HistoryPage = z.infer<typeof HistoryRead["reply"]>;
