/**
 * The endpoints of the rooms service.
 *
 * @module
 */
import {
  GATEWAY_ALIVE,
  GatewayAlive,
  MAX_REQUEST_AGE_MS,
  type Namespace,
  namespaceOf,
  RoomsJoin,
  RoomsLeave,
  RoomsPresence,
  subjectToken,
} from "../contract/mod.ts";
import { type Bus, FaultError, serve, subscribe } from "../kit/mod.ts";
import { grantRights } from "./grants.ts";
import type { Presences } from "./presence.ts";

/** Serves `rooms.*`. Gives back how to finish: no new requests, those under way answered. */
export function serveRooms(
  bus: Bus,
  namespaces: readonly Namespace[],
  presences: Presences,
): () => Promise<void> {
  const subscriptions = [
    subscribe(bus, GATEWAY_ALIVE, GatewayAlive, ({ gateway }) => presences.alive(gateway)),

    serve(bus, RoomsJoin, "rooms", async ({ username, rooms, sentAt, ...asked }) => {
      requireYoung(sentAt);
      const { room } = asked;
      const namespace = namespaceOf(namespaces, room);
      const rights = grantRights(namespace, rooms, room);
      const { stored, presence } = namespace;
      if (presence === "off") return { rights, stored, presence, revision: 0 };
      const joined = await presences.join(asked, username);
      return { rights, stored, presence, ...joined };
    }),

    serve(bus, RoomsLeave, "rooms", async ({ sentAt, ...asked }) => {
      requireYoung(sentAt);
      await presences.leave(asked);
      return {};
    }),

    serve(bus, RoomsPresence, "rooms", async ({ room, after, limit, revision }) => {
      const { presence } = namespaceOf(namespaces, room);
      if (presence === "off") throw new FaultError("forbidden", `${room} has no presence`);
      await presences.caughtUp(revision);
      const { roster } = presences;
      const known = { count: roster.count(room), revision: roster.revision };
      // In a room of counts nobody is named.
      if (presence === "counts") return { ...known, members: [], more: false };
      const from = after === undefined ? undefined : subjectToken(after);
      return { ...known, ...roster.page(room, from, limit) };
    }),
  ];
  return async () => {
    await Promise.all(subscriptions.map((subscription) => subscription.drain()));
  };
}

/** Refuses what was sent so long ago that nothing is left to show whether it was overtaken. */
function requireYoung(sentAt: number): void {
  if (Date.now() - sentAt > MAX_REQUEST_AGE_MS) throw new FaultError("unavailable", "too late", 0);
}
