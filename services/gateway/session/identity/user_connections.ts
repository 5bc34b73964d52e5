/**
 * Answers what a gateway knows of its connections, and closes those of a user, for the HTTP API.
 *
 * @module
 */
import {
  GatewayConnections,
  GatewayDisconnect,
  GatewayState,
  MAX_CONNECTION_ROOMS,
  MAX_LISTED_CONNECTIONS,
  type UserConnection,
} from "../../../contract/mod.ts";
import { type Bus, serve } from "../../../kit/mod.ts";
import type { Session } from "../session.ts";

/** The sessions by user. */
interface Users {
  sessionsOf(userId: string): readonly Session[];
}

/** Serves the requests of one gateway. `state` tells what it serves now. Returns a function that stops. */
export function serveUserConnections(
  bus: Bus,
  gateway: string,
  users: Users,
  state: () => { connections: number; users: number; rooms: number },
): () => void {
  // A queue group of its own for each gateway: every gateway answers.
  const subscriptions = [
    serve(bus, GatewayConnections, gateway, ({ userId }) => {
      const sessions = users.sessionsOf(userId);
      const connections = sessions.slice(0, MAX_LISTED_CONNECTIONS)
        .map((session) => describe(gateway, session));
      return { gateway, count: sessions.length, connections };
    }),
    serve(bus, GatewayDisconnect, gateway, ({ userId, connectionId }) => {
      const closing = users.sessionsOf(userId)
        .filter(({ id }) => connectionId === undefined || id === connectionId);
      for (const session of closing) session.close("disconnected");
      return { gateway, closed: closing.length };
    }),
    serve(bus, GatewayState, gateway, () => ({ gateway, ...state() })),
  ];
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}

function describe(gateway: string, session: Session): UserConnection {
  return {
    connectionId: session.id,
    gateway,
    since: Math.round(performance.timeOrigin + session.openedAt),
    expiresAt: session.identity!.expiresAt,
    roomCount: session.rooms.size,
    rooms: [...session.rooms.keys()].slice(0, MAX_CONNECTION_ROOMS),
  };
}
