/**
 * What every gateway answers about its connections. Each request goes to all gateways, and each of them
 * answers: whoever asks knows them by their heartbeats. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { endpoint } from "./bus.ts";
import { UserId } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { GatewayId } from "./presence.ts";
import { RoomName } from "./rooms.ts";

/** The id of a connection, as `authenticated` has it. */
export const ConnectionId = z.string().min(1).max(64);

/** One connection of a user. */
export const UserConnection = z.object({
  connectionId: ConnectionId,
  gateway: GatewayId,
  /** When the client connected, milliseconds since 1970. */
  since: z.number().int().min(0),
  /** When its token expires, milliseconds since 1970; null if it never does. */
  expiresAt: z.number().int().min(0).nullable(),
  /** How many rooms it has joined, and the first of them. */
  roomCount: z.number().int().min(0),
  rooms: z.array(RoomName).max(limits.MAX_CONNECTION_ROOMS),
});
/** The parsed form of {@link UserConnection}. */
export type UserConnection = z.infer<typeof UserConnection>;

/** Lists the connections of a user. Served by every gateway. */
export const GatewayConnections = endpoint(
  "gateway.connections",
  z.object({ userId: UserId }),
  z.object({
    gateway: GatewayId,
    /** How many there are, also beyond those that are listed. */
    count: z.number().int().min(0),
    connections: z.array(UserConnection).max(limits.MAX_LISTED_CONNECTIONS),
  }),
);

/** Closes the connections of a user, or one of them, with 4006. Served by every gateway. */
export const GatewayDisconnect = endpoint(
  "gateway.disconnect",
  z.object({ userId: UserId, connectionId: ConnectionId.optional() }),
  z.object({ gateway: GatewayId, closed: z.number().int().min(0) }),
);

/** Tells what a gateway serves now. Served by every gateway. */
export const GatewayState = endpoint(
  "gateway.state",
  z.object({}),
  z.object({
    gateway: GatewayId,
    /** Connections, also of clients that have not authenticated yet. */
    connections: z.number().int().min(0),
    users: z.number().int().min(0),
    rooms: z.number().int().min(0),
  }),
);
