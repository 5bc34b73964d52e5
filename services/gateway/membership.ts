/**
 * A session in a room.
 *
 * @module
 */
import type { Grant } from "../contract/mod.ts";
import type { Room } from "./room.ts";
import type { Session } from "./session.ts";

/** One session's membership of one room. */
export interface Membership {
  readonly session: Session;
  readonly room: Room;
  readonly grant: Grant;
  /** Its place in the room's list of members; -1 while it is not in it. */
  index: number;
}
