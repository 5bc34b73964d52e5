/**
 * Joins a room for the first component that uses it, and leaves it after the last one.
 *
 * @module
 */
import type { Hopwire, JoinOptions, Room } from "../mod.ts";

interface SharedRoom {
  room: Room;
  /** How many components use it. */
  users: number;
  /** Whether it was joined here. A room that the application has joined itself is not left. */
  isOurs: boolean;
}

const shared = new WeakMap<Hopwire, Map<string, SharedRoom>>();

/**
 * Returns the room, which is joined if it is not yet; `options` count only then. The room stays joined
 * until {@link releaseRoom} was called as often.
 *
 * @throws {HopwireError} as {@link Hopwire.join}
 */
export function acquireRoom(client: Hopwire, name: string, options: JoinOptions): Room {
  let rooms = shared.get(client);
  if (rooms === undefined) shared.set(client, rooms = new Map());
  const known = rooms.get(name);
  if (known !== undefined && known.room.state !== "left") {
    known.users++;
    return known.room;
  }
  const isOurs = !client.rooms.has(name);
  const room = client.join(name, options);
  rooms.set(name, { room, users: 1, isOurs });
  return room;
}

/**
 * A component no longer uses the room. The room is left in a later turn: React unmounts and mounts a
 * component at once in StrictMode, and another component may take over.
 */
export function releaseRoom(client: Hopwire, room: Room): void {
  const rooms = shared.get(client);
  const known = rooms?.get(room.name);
  // A room that ended and was joined again has another entry.
  if (known?.room !== room) return;
  known.users--;
  setTimeout(() => {
    if (known.users > 0 || rooms!.get(room.name) !== known) return;
    rooms!.delete(room.name);
    if (known.isOurs) room.leave();
  });
}
