/**
 * The payloads that services exchange over NATS: events, and endpoints (a request and its reply).
 * No I/O; imports only zod. The subjects are in `subjects.ts`.
 *
 * @module
 */
import * as z from "zod";
import { CallsClaim } from "./calls.ts";
import { type ErrorCode, ERRORS } from "./codes.ts";
import { UserId, Username } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { GatewayId, PresenceFact } from "./presence.ts";
import { Right, RoomName, RoomsClaim } from "./rooms.ts";
import { Member } from "./server_frames.ts";

/** What the name of a service, and so of its user of NATS, looks like. */
export const SERVICE_NAME: RegExp = /^[a-z][a-z0-9_-]{0,31}$/;

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

/** Declares an endpoint. */
export function endpoint<Request, Reply>(
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
  timestamp: z.number().int().min(0).describe(
    "When the sender's gateway or service made it, milliseconds since 1970.",
  ),
  erased: z.literal(true).optional().describe(
    "The content and the sender were erased. Only the message's place in the order is left.",
  ),
});
/** The parsed form of {@link RoomEvent}. */
export type RoomEvent = z.infer<typeof RoomEvent>;

/**
 * A signal to a room. The gateway turns it into a `room-signal` frame by inserting `type` at the
 * front.
 */
export const SignalEvent = RoomEvent.omit({ id: true, timestamp: true, erased: true });
/** The parsed form of {@link SignalEvent}. */
export type SignalEvent = z.infer<typeof SignalEvent>;

/**
 * An event for one user. Gateways deliver it to each of the user's connections as an `event` frame.
 */
export const UserEvent = z.object({
  topic: z.string().min(1).max(128).describe(
    "What the event is about, as the client's listeners name it.",
  ),
  data: z.unknown(),
});
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
  /** The token's `calls` claim; empty if the token has none. */
  calls: CallsClaim,
  /** The token's `jti`; null if it has none. */
  tokenId: z.string().nullable(),
  /** When the token was issued, milliseconds since 1970; null if it does not say. */
  issuedAt: z.number().int().min(0).nullable(),
});
/** The parsed form of {@link Identity}. */
export type Identity = z.infer<typeof Identity>;

/** Why one of many requests in a batch was refused. */
const Refusal = z.object({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retryAfter: z.number().int().min(0).optional(),
});

/**
 * Verifies tokens that arrive at a gateway together. Served by auth. The reply's results are in the
 * order of `tokens`; a token is refused with `unauthorized` or `token_expired`.
 */
export const AuthVerify = endpoint(
  "auth.verify",
  z.object({
    tokens: z.array(z.string().max(limits.MAX_TOKEN_LENGTH)).min(1).max(limits.MAX_BATCH),
  }),
  z.object({
    results: z.array(z.union([z.object({ identity: Identity }), z.object({ error: Refusal })])),
  }),
);

/**
 * What a room reveals about its members: every join and leave (`on`), only their number (`counts`),
 * or nothing (`off`).
 */
export const PresenceMode = z.enum(["on", "counts", "off"]);
/** One of the modes of {@link PresenceMode}. */
export type PresenceMode = z.infer<typeof PresenceMode>;

/**
 * What messages and signals of clients carry: any JSON (`any`), or a string of HTML (`html`), from which
 * gateways remove what is not safe to show.
 */
export const ContentMode = z.enum(["any", "html"]);
/** One of the modes of {@link ContentMode}. */
export type ContentMode = z.infer<typeof ContentMode>;

/** Who screens the messages of a room before they are published. */
export const Screen = z.object({
  /** The service that is asked. */
  service: z.string().regex(SERVICE_NAME, "expected the name of a service"),
  /** How long it may take, milliseconds. */
  timeoutMs: z.number().int().min(10).max(10_000),
  /** Without an answer in time: messages are published (`open`), or refused (`closed`). */
  onFailure: z.enum(["open", "closed"]),
});
/** The parsed form of {@link Screen}. */
export type Screen = z.infer<typeof Screen>;

/** What a claim may do in a room, and how the room works. */
export const Grant = z.object({
  rights: z.array(Right),
  /** True if messages are stored, ordered and acknowledged; false if they are only forwarded. */
  stored: z.boolean(),
  presence: PresenceMode,
  /** Absent: any JSON. */
  content: ContentMode.optional(),
  /** The pattern of the room's namespace. Absent: no pattern of the namespaces file matches. */
  namespace: z.string().optional(),
  /** Who screens messages before they are published. Absent: nobody. */
  screen: Screen.optional(),
  /** How many messages a second one user may send in the namespace of this pattern. */
  rate: z.object({ namespace: z.string(), messages: z.number().positive() }).optional(),
});
/** The parsed form of {@link Grant}. */
export type Grant = z.infer<typeof Grant>;

/**
 * What one gateway states about a room, as rooms knows it. Without `users` the list is too long for
 * this reply, and the gateway itself has to be asked.
 */
export const RosterPart = z.object({
  gateway: GatewayId,
  n: z.number().int().min(0),
  users: z.array(PresenceFact).optional(),
});
/** The parsed form of {@link RosterPart}. */
export type RosterPart = z.infer<typeof RosterPart>;

/**
 * Requests grants for joins that arrive at a gateway together. Served by rooms. The reply's results are
 * in the order of `joins`; a refused join has an `error`.
 */
export const RoomsJoin = endpoint(
  "rooms.join",
  z.object({
    /** The `rooms` claims of the tokens; null for a token without one. */
    claims: z.array(RoomsClaim.nullable()).max(limits.MAX_BATCH),
    joins: z.array(z.object({
      room: RoomName,
      /** The index of the join's claim in `claims`. */
      claim: z.number().int().min(0).max(limits.MAX_BATCH - 1),
    })).min(1).max(limits.MAX_BATCH),
  }),
  z.object({
    /** The version of the rules that the grants follow from; see {@link ROOMS_RULES}. */
    rules: z.string(),
    results: z.array(z.union([z.object({ grant: Grant }), z.object({ error: Refusal })])),
  }),
);

/**
 * Asks what a user may do in a room, and what holds for the room. Served by rooms. The grant has no rights
 * if the user may not enter the room, or is banned from it.
 */
export const RoomsGrant = endpoint(
  "rooms.grant",
  z.object({
    room: RoomName,
    /** The `rooms` claim of the user's token; null for a token without one. */
    claim: RoomsClaim.nullable(),
    /** Whose bans count. Without it nobody's. */
    userId: UserId.optional(),
  }),
  z.object({ grant: Grant }),
);

/**
 * Requests the rosters of rooms that a gateway begins to follow, as rooms knows them. Served by rooms.
 * The reply's rosters are in the order of `rooms`.
 */
export const RoomsRoster = endpoint(
  "rooms.roster",
  z.object({
    gateway: GatewayId,
    rooms: z.array(RoomName).min(1).max(limits.MAX_BATCH),
  }),
  z.object({ rosters: z.array(z.array(RosterPart)) }),
);

/**
 * The subject on which each rooms instance publishes the version of its rules every few seconds. A
 * gateway forgets the grants that it remembers when the version is another one.
 */
export const ROOMS_RULES = "rooms.rules";
/** The payload of {@link ROOMS_RULES}. */
export const RulesEvent = z.object({ version: z.string().min(1).max(64) });

/** Reads one page of a room's members, ordered by their ids. Served by rooms. */
export const RoomsPresence = endpoint(
  "rooms.presence",
  z.object({
    room: RoomName,
    after: z.string().max(limits.MAX_USER_LENGTH).optional(),
    limit: z.number().int().min(1).max(limits.MAX_PRESENCE_PAGE),
  }),
  z.object({
    count: z.number().int().min(0),
    members: z.array(Member),
    more: z.boolean(),
  }),
);

/**
 * Compares the rosters of a gateway with those of rooms. The reply lists the rooms whose fingerprint
 * differs, with the statements that rooms knows. Served by rooms.
 */
export const RoomsVerify = endpoint(
  "rooms.verify",
  z.object({
    gateway: GatewayId,
    rooms: z.array(z.object({ room: RoomName, fingerprint: z.number().int().min(0) }))
      .max(limits.MAX_VERIFIED_ROOMS),
  }),
  z.object({
    differ: z.array(z.object({
      room: RoomName,
      gateways: z.array(z.object({ gateway: GatewayId, n: z.number().int().min(0) })),
    })),
  }),
);
