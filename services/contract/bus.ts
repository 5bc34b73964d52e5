/**
 * The payloads that services exchange over NATS: events, and endpoints (a request and its reply).
 * No I/O; imports only zod. The subjects are in `subjects.ts`.
 *
 * @module
 */
import * as z from "zod";
import { Seq } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { Right, RoomName, RoomsClaim } from "./rooms.ts";
import { Member } from "./server_frames.ts";

const UserId = z.string().min(1).max(limits.MAX_USER_LENGTH);
const Username = z.string().max(limits.MAX_USER_LENGTH);
/**
 * The sequence number of a join or leave, counted by its gateway. Rooms ignores a request with a
 * lower number than the last one it applied. Requests can overtake each other when a rooms instance
 * is paused while it holds one.
 */
const Turn = z.number().int().min(1);

/** When the gateway sent the request, milliseconds since 1970; see `MAX_REQUEST_AGE_MS`. */
const SentAt = z.number().int().min(0);

const GatewayId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/**
 * A request that one member of a queue group answers. A refusal travels in the reply's headers,
 * never in its payload.
 */
export interface Endpoint<Request, Reply> {
  /** The NATS subject that requests are sent to. */
  subject: string;
  /** The schema of a request's payload. */
  request: z.ZodType<Request>;
  /** The schema of a successful reply's payload. */
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
 * A room message as it is published and stored. The gateway turns it into a `room-message` frame by
 * inserting `type`, `seq` and `prev` at the front. It never parses the event to do so.
 */
export const RoomEvent = z.object({
  room: RoomName,
  id: z.string().min(1).max(limits.MAX_ID_LENGTH),
  userId: UserId,
  username: Username,
  content: z.unknown(),
  timestamp: z.number().int().min(0),
});
/** The parsed form of {@link RoomEvent}. */
export type RoomEvent = z.infer<typeof RoomEvent>;

/**
 * A signal to a room. The gateway turns it into a `room-signal` frame by inserting `type` at the
 * front.
 */
export const SignalEvent = RoomEvent.omit({ id: true, timestamp: true });
/** The parsed form of {@link SignalEvent}. */
export type SignalEvent = z.infer<typeof SignalEvent>;

/** A user joined or left a room, or (`seen`) is still present. */
export const PresenceEvent = z.object({
  change: z.enum(["joined", "left", "seen"]),
  userId: UserId,
  username: Username,
  /**
   * The number of members after the change. It is approximate: instances that write at the same
   * time do not see each other's changes.
   */
  count: z.number().int().min(0),
});
/** The parsed form of {@link PresenceEvent}. */
export type PresenceEvent = z.infer<typeof PresenceEvent>;

/**
 * An event for one user. Gateways deliver it to each of the user's connections as an `event` frame.
 */
export const UserEvent = z.object({ topic: z.string().min(1).max(128), data: z.unknown() });
/** The parsed form of {@link UserEvent}. */
export type UserEvent = z.infer<typeof UserEvent>;

/** The identity that a verified token asserts. */
export const Identity = z.object({
  userId: UserId,
  username: Username,
  /** When the token expires, milliseconds since 1970; null if it never does. */
  expiresAt: z.number().int().min(0).nullable(),
  /** The token's `rooms` claim; null if the token has none. */
  rooms: RoomsClaim.nullable(),
});
/** The parsed form of {@link Identity}. */
export type Identity = z.infer<typeof Identity>;

/** Verifies a token. Served by auth. Refuses with `unauthorized` or `token_expired`. */
export const AuthVerify = endpoint(
  "auth.verify",
  z.object({ token: z.string().max(limits.MAX_TOKEN_LENGTH) }),
  Identity,
);

/**
 * What a room reveals about its members: every join and leave (`on`), only their number (`counts`),
 * or nothing (`off`).
 */
export const PresenceMode = z.enum(["on", "counts", "off"]);
/** One of the modes of {@link PresenceMode}. */
export type PresenceMode = z.infer<typeof PresenceMode>;

/** Adds a user to a room. Served by rooms. Refuses with `forbidden` or `unavailable`. */
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
    /** True if messages are stored, ordered and acknowledged; false if they are only forwarded. */
    stored: z.boolean(),
    presence: PresenceMode,
    /** The current number of members, including this one; absent if presence is off. */
    count: z.number().int().min(0).optional(),
    /** The revision of the presence bucket that includes this join; 0 if presence is off. */
    revision: z.number().int().min(0),
  }),
);
/** What rooms grants with a join: rights in the room, and how the room works. */
export type Grant = z.infer<typeof RoomsJoin["reply"]>;

/** Reports that a user's last connection on this gateway has left a room. Served by rooms. */
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

/**
 * Reads one page of a room's members, ordered by the subject tokens of their ids. Served by rooms.
 */
export const RoomsPresence = endpoint(
  "rooms.presence",
  z.object({
    room: RoomName,
    after: z.string().max(limits.MAX_USER_LENGTH).optional(),
    limit: z.number().int().min(1).max(limits.MAX_PRESENCE_PAGE),
    /** The reply must include at least this revision of the presence bucket. */
    revision: z.number().int().min(0),
  }),
  z.object({
    count: z.number().int().min(0),
    members: z.array(Member),
    more: z.boolean(),
    /** The revision of the presence bucket that the reply reflects. Later changes are not in it. */
    revision: z.number().int().min(0),
  }),
);

/**
 * The subject of a gateway's heartbeat, published once a second. If the heartbeats of a gateway
 * stop for too long, rooms removes its members.
 */
export const GATEWAY_ALIVE = "gateway.alive";
/** The payload of a heartbeat on {@link GATEWAY_ALIVE}. */
export const GatewayAlive = z.object({ gateway: GatewayId });

/**
 * The subject on which rooms tells a gateway that its members have been removed. A gateway that is
 * still alive then joins its members again.
 */
export function gatewayLostSubject(gateway: string): string {
  return `gateway.lost.${gateway}`;
}

/** A stored message as the archive returns it. */
export const ArchivedMessage = RoomEvent.extend({ seq: Seq, prev: Seq });
/** The parsed form of {@link ArchivedMessage}. */
export type ArchivedMessage = z.infer<typeof ArchivedMessage>;

/**
 * Reads one page of a room's history from the archive. Served by persistence. With `after`, the
 * page holds the oldest messages above it, in ascending order. Otherwise it holds the newest
 * messages (below `before`, if given), newest first. With `upTo`, persistence waits until it has
 * archived everything up to that seq. If that takes too long, it refuses with `unavailable`.
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
    /** The epoch of the log that these seqs belong to. */
    epoch: z.string(),
    /**
     * Retention deleted messages up to this seq; everything above it is complete. 0: nothing was
     * deleted.
     */
    trimmedTo: Seq,
  }),
);
/** The parsed reply of {@link HistoryRead}. */
export type HistoryPage = z.infer<typeof HistoryRead["reply"]>;
