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
  /** Whether the client asked for the traces of messages. */
  wantsTraces: boolean;
  /** Whether it asked and has the right. Kept beside the grant because every flush asks for it. */
  seesTraces: boolean;
}

/** Gives a member another grant, with what it may see by it. */
export function applyGrant(membership: Membership, grant: Grant): void {
  membership.grant = grant;
  membership.seesPresence = grant.rights.includes("presence");
  membership.seesTraces = membership.wantsTraces && grant.rights.includes("trace");
}
