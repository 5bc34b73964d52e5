/**
 * Who may enter a room, and with which rights.
 *
 * @module
 */
import {
  ALL_RIGHTS,
  DEFAULT_NAMESPACE,
  type Grant,
  type Namespace,
  type Right,
  rightsInRoom,
  type RoomsClaim,
} from "../contract/mod.ts";
import { FaultError } from "../kit/mod.ts";

/**
 * The rights in a room: what the token's `rooms` claim gives, or without a claim what the room's
 * namespace gives everybody. The presence right is void where the namespace has no presence, and
 * the history right where nothing is stored.
 *
 * @throws {FaultError} `forbidden` where entering (`subscribe`) is not among them
 */
export function grantRights(
  namespace: Namespace,
  claim: RoomsClaim | null,
  room: string,
): Right[] {
  const given = claim === null ? new Set(namespace.access) : rightsInRoom(claim, room);
  if (!given.has("subscribe")) {
    throw new FaultError("forbidden", `no right to subscribe to ${room}`);
  }
  if (namespace.presence === "off") given.delete("presence");
  if (!namespace.stored) given.delete("history");
  return ALL_RIGHTS.filter((right) => given.has(right));
}

/** What holds in the rooms of a namespace for a user with these rights. */
export function grantIn(namespace: Namespace, rights: Right[]): Grant {
  const { stored, presence, content, pattern, screen, rate: { messages } } = namespace;
  return {
    rights,
    stored,
    presence,
    screen,
    content: content === "any" ? undefined : content,
    namespace: namespace === DEFAULT_NAMESPACE ? undefined : pattern,
    rate: messages === undefined ? undefined : { namespace: pattern, messages },
  };
}
