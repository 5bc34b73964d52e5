/**
 * Presence on the bus. A gateway alone knows who is connected to it, so it alone states facts: "this
 * user is in this room". Everybody else derives a view from what gateways state and drops a gateway's
 * facts when its lease ends. Nothing of it is stored.
 *
 * No I/O; imports zod.
 *
 * @module
 */
import * as z from "zod";
import { Member } from "./server_frames.ts";
import { bucketOf, RoomName } from "./rooms.ts";

/** A gateway's id: 16 characters, new at each start. */
export const GatewayId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** In so many rooms gateways state which users are connected to them. */
const CONNECTED_ROOMS = 8;

/**
 * The room in which a user with a connection is stated to be, if gateways state that (STATE_CONNECTIONS). No
 * client can name it: of rooms' names no token begins with `$`.
 */
export function connectedRoom(userId: string): string {
  return `$users.${bucketOf(userId) % CONNECTED_ROOMS}`;
}

/** Every {@link connectedRoom}. */
export const ALL_CONNECTED_ROOMS: readonly string[] = Array.from(
  { length: CONNECTED_ROOMS },
  (_, i) => `$users.${i}`,
);

/** Whether a room is a {@link connectedRoom}. */
export function isConnectedRoom(room: string): boolean {
  return room.startsWith("$");
}

/** What gateways state facts about: rooms, and {@link connectedRoom}s. */
const FactRoom = z.union([RoomName, z.string().regex(/^\$users\.\d$/)]);

/** The number of a gateway's statement: rises by one for each, over all rooms. 0: none yet. */
const StatementNumber = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** One user in one room, as one gateway states it. */
export const PresenceFact = Member.extend({
  /**
   * The version of the user's name and state in this room: a Lamport clock. Where several gateways
   * hold the user, the highest version counts; among equal ones that of the highest gateway id.
   */
  v: z.number().int().min(0),
});
/** The parsed form of {@link PresenceFact}. */
export type PresenceFact = z.infer<typeof PresenceFact>;

/**
 * A statement about one room, published to {@link presenceChangeSubject}. With `prev` it is the
 * difference to the gateway's statement of that number about the same room (0: it had none there). A
 * listener that has another number has missed something and requests the room's state. Without `prev`
 * it is everything that the gateway states about the room.
 */
export const PresenceChange = z.object({
  gateway: GatewayId,
  n: StatementNumber,
  prev: StatementNumber.optional(),
  /** Users that came or whose name or state changed. */
  came: z.array(PresenceFact).optional(),
  /** User ids that left. */
  went: z.array(z.string()).optional(),
});
/** The parsed form of {@link PresenceChange}. */
export type PresenceChange = z.infer<typeof PresenceChange>;

/** Where gateways state changes of a room. */
export function presenceChangeSubject(room: string): string {
  return `presence.change.${bucketOf(room)}.${room}`;
}

/** Every {@link presenceChangeSubject}. */
export const PRESENCE_CHANGES = "presence.change.>";

/** The room of a {@link presenceChangeSubject}. */
export function roomOfPresenceSubject(subject: string): string {
  return subject.slice(subject.indexOf(".", "presence.change.".length) + 1);
}

/** Where one gateway answers {@link PresenceStateRequest}s. */
export function presenceStateSubject(gateway: string): string {
  return `presence.state.${gateway}`;
}

/** What one gateway states about one room. */
export const RoomFacts = z.object({
  room: FactRoom,
  /** The gateway's last statement about the room that `users` includes; 0 if it has no facts there. */
  n: StatementNumber,
  users: z.array(PresenceFact),
});
/** The parsed form of {@link RoomFacts}. */
export type RoomFacts = z.infer<typeof RoomFacts>;

/**
 * Requests a gateway's facts, a page at a time: of one room, of the rooms in some buckets, or of all
 * rooms. `after` is where the page before ended. An empty list of `buckets` requests the digests alone.
 */
export const PresenceStateRequest = z.object({
  room: FactRoom.optional(),
  buckets: z.array(z.number().int().min(0).max(63)).max(64).optional(),
  after: z.object({ room: z.string(), userId: z.string() }).optional(),
});
/** The parsed form of {@link PresenceStateRequest}. */
export type PresenceStateRequest = z.infer<typeof PresenceStateRequest>;

/** One page of a gateway's facts. */
export const PresenceStatePage = z.object({
  /** The gateway's last statement when it answered, over all rooms. */
  asOf: StatementNumber,
  /** In order of room names; users in order of their ids. */
  rooms: z.array(RoomFacts),
  /** Where the next page begins; absent on the last one. */
  next: z.object({ room: z.string(), userId: z.string() }).optional(),
  /** The gateway's digest by bucket: only in answer to an empty list of `buckets`. */
  digests: z.array(z.number().int()).length(64).optional(),
});
/** The parsed form of {@link PresenceStatePage}. */
export type PresenceStatePage = z.infer<typeof PresenceStatePage>;

/** The subject of a gateway's heartbeat, published once a second. */
export const GATEWAY_ALIVE = "gateway.alive";

/** The subject on which every gateway answers a request with its heartbeat. */
export const GATEWAY_PING = "gateway.ping";

/** The payload of a heartbeat on {@link GATEWAY_ALIVE}. */
export const GatewayAlive = z.object({
  gateway: GatewayId,
  /** How long the gateway's facts hold without another word from it, milliseconds. */
  lease: z.number().int().min(1).max(600_000),
  /**
   * How many facts the gateway states, and their digest; see the kit's `digest.ts`. Absent while not all
   * of them have been published.
   */
  facts: z.number().int().min(0).optional(),
  digest: z.number().int().optional(),
  /** How many new clients a second the gateway can take, as measured; 0 while it stops. */
  accepts: z.number().int().min(0).max(1_000_000).optional(),
  /** Whether the gateway states which users are connected to it: see {@link connectedRoom}. */
  connections: z.boolean().optional(),
  /** The gateway stops: this is its last heartbeat. */
  stopping: z.literal(true).optional(),
});
/** The parsed form of {@link GatewayAlive}. */
export type GatewayAlive = z.infer<typeof GatewayAlive>;
