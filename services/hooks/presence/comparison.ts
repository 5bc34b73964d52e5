/**
 * Compares who is present with what was told, a little at a time. No I/O.
 *
 * @module
 */
import type { PresenceFollower } from "../../kit/mod.ts";
import type { Told } from "./told.ts";

/** One change of who is in a room. */
export interface Change {
  room: string;
  /** Empty: the last user of the room was told to have left, and it was not told to be vacated. */
  userId: string;
  username: string;
  here: boolean;
}

/** Each turn gives what is to be told now. It holds only until the next turn of the event loop. */
export type Comparison = Iterator<readonly Change[], void>;

/** Entries that one turn looks at. */
const ENTRIES = 64;

/** Compares everything. What changes while it is compared is either seen, or must be told by the listener. */
export function* compare(
  told: Told,
  view: Pick<PresenceFollower, "rooms" | "roster">,
): Generator<readonly Change[], void> {
  let found: Change[] = [];
  let looked = 0;
  for (const [room, userId, username = userId] of told.entries()) {
    if (userId === undefined) {
      const empty = told.count(room) === 0 && view.roster(room) === undefined;
      if (empty) found.push({ room, userId: "", username: "", here: false });
    } else if (view.roster(room)?.get(userId) === undefined) {
      found.push({ room, userId, username: username!, here: false });
    }
    if (++looked % ENTRIES > 0) continue;
    yield found;
    found = [];
  }
  yield found;
  // A room in one turn: its roster may be replaced between two of them.
  for (const room of view.rooms()) {
    const roster = view.roster(room);
    if (roster === undefined) continue;
    const came: Change[] = [];
    for (const [gateway] of roster.numbers()) {
      for (const { userId, username } of roster.factsOf(gateway)) {
        if (!told.has(room, userId)) came.push({ room, userId, username, here: true });
      }
    }
    yield came;
  }
}
