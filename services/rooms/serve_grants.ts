/**
 * Tells services what the users who call them may do in rooms.
 *
 * @module
 */
import { DENIALS_STALE_MS, namespaceOf, type Right, RoomsGrant } from "../contract/mod.ts";
import { type Bus, type Denials, FaultError, faultOf, serve } from "../kit/mod.ts";
import { grantIn, grantRights } from "./grants.ts";
import type { Rules } from "./rules.ts";

/** How long a request waits for the list of bans of an instance that has just started, milliseconds. */
const BANS_WAIT_MS = 3_000;

/** Serves `rooms.grant`. Returns a function that stops: requests under way are still answered. */
export function serveGrants(
  bus: Bus,
  { namespaces }: Rules,
  denials: Denials,
): () => Promise<void> {
  const subscription = serve(bus, RoomsGrant, "rooms", async ({ room, claim, userId }) => {
    const namespace = namespaceOf(namespaces, room);
    let rights: Right[] = [];
    try {
      rights = grantRights(namespace, claim, room);
    } catch (error) {
      if (faultOf(error).code !== "forbidden") throw error;
    }
    if (userId !== undefined && rights.length > 0) {
      if (!await denials.waitUntilFresh(DENIALS_STALE_MS, BANS_WAIT_MS)) {
        throw new FaultError("unavailable", "the bans cannot be read", 1_000);
      }
      if (denials.list.banOf(userId, room) !== undefined) rights = [];
    }
    return { grant: grantIn(namespace, rights) };
  });
  return () => subscription.drain();
}
