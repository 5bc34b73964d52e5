/**
 * A session in a room.
 *
 * @module
 */
import type { Grant } from "../../contract/mod.ts";
import type { Room } from "../room/room.ts";
import type { Session } from "./session.ts";

/** One session's membership of one room. */
export interface Membership {
  readonly session: Session;
  readonly room: Room;
  /** Renewed with the session's token. */
  grant: Grant;
  /** Whether the grant has the right of presence; apart, since each change asks for it. */
  seesPresence: boolean;
  /** Its place in the room's list of members; -1 while it is not in it. */
  index: number;
  /** Frames of the room's feed that it has been given already, or that came before it. */
  fed: number;
}
