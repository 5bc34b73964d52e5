/**
 * A session's membership of a room.
 *
 * @module
 */
import type { Grant } from "../../contract/mod.ts";
import type { RoomMember } from "../room/member.ts";
import type { Room } from "../room/room.ts";

/** One session's membership of one room. */
export interface Membership extends RoomMember {
  readonly room: Room;
  /** Replaced when the session's token is renewed. */
  grant: Grant;
  /** Kept beside the grant because every presence change asks for it. */
  seesPresence: boolean;
}
