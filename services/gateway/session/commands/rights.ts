/**
 * Checks what a session may do in a room.
 *
 * @module
 */
import type { Right } from "../../../contract/mod.ts";
import { FaultError } from "../../../kit/mod.ts";
import type { Membership } from "../membership.ts";
import type { Session } from "../session.ts";

/**
 * Returns the session's membership of a room if its grant includes the right.
 *
 * @throws {FaultError} `room_not_found` if the session is not in the room; `forbidden` without the
 * right
 */
export function requireRight(session: Session, room: string, right: Right): Membership {
  const membership = session.rooms.get(room);
  if (membership === undefined) throw new FaultError("room_not_found");
  if (!membership.grant.rights.includes(right)) {
    throw new FaultError("forbidden", `no right to ${right} in ${room}`);
  }
  return membership;
}
