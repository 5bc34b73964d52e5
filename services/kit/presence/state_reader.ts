/**
 * Reads a gateway's facts page by page, and cuts rosters for replies. No I/O of its own.
 *
 * @module
 */
import type {
  PresenceStatePage,
  PresenceStateRequest,
  RoomFacts,
  RosterPart,
} from "../../contract/mod.ts";
import type { Roster } from "./roster.ts";
import { sizeOfFact } from "./statement.ts";

/** Pages of one state at most: 2,000 of 384 KiB hold several million facts. */
const MAX_PAGES = 2_000;

/**
 * Reads all pages of a state by `request` and joins them: a room that is cut in two becomes one again,
 * with the number of its first part. What changed meanwhile has been stated, too.
 *
 * @returns null if a page is missing
 */
export async function readState(
  query: PresenceStateRequest,
  request: (query: PresenceStateRequest) => Promise<PresenceStatePage | null>,
): Promise<PresenceStatePage | null> {
  const rooms: RoomFacts[] = [];
  let asOf: number | undefined;
  let after = query.after;
  for (let pages = 0; pages < MAX_PAGES; pages++) {
    const page = await request({ ...query, after });
    if (page === null) return null;
    asOf ??= page.asOf;
    for (const facts of page.rooms) {
      const last = rooms.at(-1);
      if (last?.room === facts.room) { for (const user of facts.users) last.users.push(user); }
      else rooms.push(facts);
    }
    if (page.next === undefined) {
      return page.digests === undefined ? { asOf, rooms } : { asOf, rooms, digests: page.digests };
    }
    after = page.next;
  }
  return null;
}

/**
 * A roster as a reply to gateway `without`, one part per gateway. Parts that do not fit into
 * `budget.bytes` come without users; the budget is used up by what is included.
 */
export function rosterParts(
  roster: Roster | undefined,
  without: string,
  budget: { bytes: number },
): RosterPart[] {
  const parts: RosterPart[] = [];
  for (const [gateway, n] of roster?.numbers() ?? []) {
    if (gateway === without) continue;
    const users = [...roster!.factsOf(gateway)];
    const bytes = users.reduce((sum, fact) => sum + sizeOfFact(fact), 0);
    if (bytes <= budget.bytes) {
      budget.bytes -= bytes;
      parts.push({ gateway, n, users });
    } else {
      parts.push({ gateway, n });
    }
  }
  return parts;
}
