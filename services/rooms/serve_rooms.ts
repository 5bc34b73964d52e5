/**
 * The endpoints of the rooms service.
 *
 * @module
 */
import {
  namespaceOf,
  ROOMS_RULES,
  RoomsJoin,
  RoomsPresence,
  RoomsRoster,
  RoomsVerify,
} from "../contract/mod.ts";
import {
  type Bus,
  FaultError,
  faultOf,
  fingerprintOf,
  type PresenceFollower,
  rosterParts,
  serve,
  sizeOfFact,
} from "../kit/mod.ts";
import { grantIn, grantRights } from "./grants.ts";
import type { Rules } from "./rules.ts";

/** Bytes of rosters in one reply; NATS takes messages of 1 MiB. Larger parts are read elsewhere. */
const MAX_ROSTER_BYTES = 512 * 1024;

/** Bytes of members in one page. */
const MAX_PAGE_BYTES = 512 * 1024;

/** How often the version of the rules is published, milliseconds. */
const RULES_MS = 2_000;

/** Serves `rooms.*`. Returns a function that stops: requests under way are still answered. */
export function serveRooms(
  bus: Bus,
  { namespaces, version }: Rules,
  follower: PresenceFollower,
): () => Promise<void> {
  const subscriptions = [
    serve(bus, RoomsJoin, "rooms", ({ claims, joins }) => {
      const results = joins.map(({ room, claim }) => {
        try {
          if (claim >= claims.length) {
            throw new FaultError("invalid_format", "claim: no such index");
          }
          const namespace = namespaceOf(namespaces, room);
          return { grant: grantIn(namespace, grantRights(namespace, claims[claim]!, room)) };
        } catch (error) {
          return { error: faultOf(error) };
        }
      });
      return { rules: version, results };
    }),

    serve(bus, RoomsRoster, "rooms", ({ gateway, rooms }) => {
      const budget = { bytes: MAX_ROSTER_BYTES };
      return { rosters: rooms.map((room) => rosterParts(follower.roster(room), gateway, budget)) };
    }),

    serve(bus, RoomsVerify, "rooms", ({ gateway, rooms }) => {
      const differ = rooms.flatMap(({ room, fingerprint }) => {
        const roster = follower.roster(room);
        if (fingerprintOf(roster, gateway) === fingerprint) return [];
        const numbers = [...roster?.numbers() ?? []];
        return [{ room, gateways: numbers.map(([gateway, n]) => ({ gateway, n })) }];
      });
      return { differ };
    }),

    serve(bus, RoomsPresence, "rooms", ({ room, after, limit }) => {
      const { presence } = namespaceOf(namespaces, room);
      if (presence === "off") throw new FaultError("forbidden", `${room} has no presence`);
      const roster = follower.roster(room);
      const count = roster?.count ?? 0;
      // In a room of counts nobody is named.
      if (presence === "counts" || roster === undefined) return { count, members: [], more: false };
      const page = roster.page(after, limit);
      let bytes = 0;
      const fits = page.members.findIndex((fact) => (bytes += sizeOfFact(fact)) > MAX_PAGE_BYTES);
      const facts = fits < 0 ? page.members : page.members.slice(0, Math.max(1, fits));
      const members = facts.map(({ v: _, ...member }) => member);
      return { count, members, more: page.more || members.length < page.members.length };
    }),
  ];
  const announce = () => bus.sendFirst(ROOMS_RULES, JSON.stringify({ version }));
  announce();
  const timer = setInterval(announce, RULES_MS);
  return async () => {
    clearInterval(timer);
    await Promise.all(subscriptions.map((subscription) => subscription.drain()));
  };
}
