/**
 * Entering and leaving a room: the grant, the room itself, then what was missed, in order, then
 * live, with no hole and no double where they meet.
 *
 * @module
 */
import {
  type ClientFrameOf,
  fault,
  type Grant,
  type Identity,
  type Since,
} from "../contract/mod.ts";
import { contextOf, FaultError, faultOf, SpanKind, startHop } from "../kit/mod.ts";
import type { Membership } from "./membership.ts";
import type { Session } from "./session.ts";

/** Runs a `subscribe` frame. Never throws: what goes wrong is told to the client. */
export async function subscribe(
  session: Session,
  identity: Identity,
  frame: ClientFrameOf<"subscribe">,
): Promise<void> {
  const { edge } = session;
  const { room: name, since, id } = frame;
  const known = session.rooms.get(name);
  if (known === undefined && session.rooms.size + session.entering.size >= edge.config.MAX_ROOMS) {
    const detail = `${edge.config.MAX_ROOMS} on one connection`;
    return session.refuse(fault("too_many_rooms", detail), { id, room: name });
  }
  const entering = { held: [] };
  session.entering.set(name, entering);
  const hop = startHop("receive subscribe", SpanKind.SERVER, contextOf(undefined), {
    "hopwire.room": name,
    "hopwire.connection": session.id,
  });
  let granted: Grant | undefined;
  try {
    if (edge.log.epoch === null) throw new FaultError("unavailable", "the log is not there", 1_000);
    let membership = known;
    if (membership === undefined) {
      const grant = granted = await edge.presence.enter(name, identity, hop.context);
      const room = await edge.rooms.acquire(name, grant);
      membership = { session, room, grant, index: -1 };
      session.rooms.set(name, membership);
      granted = undefined;
    } else {
      // Subscribing again is asking for what was missed: nothing live meanwhile.
      membership.room.remove(membership);
    }
    if (session.closed) return edge.leave(membership, true);
    await attach(membership, since, id);
    if (session.closed) edge.leave(membership, true);
    hop.end();
  } catch (error) {
    if (granted !== undefined) edge.presence.exit(name, identity, false);
    const membership = session.rooms.get(name);
    if (membership !== undefined) edge.leave(membership, session.closed);
    const refusal = faultOf(error);
    hop.end(refusal.code);
    session.refuse(refusal, { id, room: name });
  } finally {
    session.release(name, entering);
  }
}

/** Runs an `unsubscribe` frame. Of a room that was not entered it says so. */
export function unsubscribe(session: Session, { room, id }: ClientFrameOf<"unsubscribe">): void {
  const membership = session.rooms.get(room);
  if (membership === undefined) throw new FaultError("room_not_found");
  session.edge.leave(membership, false);
  session.send({ type: "unsubscribed", room, id });
}

/** Answers `subscribed`, sends what was missed, and puts the member where live messages reach it. */
async function attach(
  membership: Membership,
  since: Since | undefined,
  id?: string,
): Promise<void> {
  const { session, room, grant } = membership;
  const epoch = session.edge.log.epoch!;
  const answer = (recovered: boolean) =>
    session.send({
      type: "subscribed",
      room: room.name,
      seq: room.head,
      epoch,
      recovered,
      count: grant.count,
      id,
    });
  const start = (recovered: boolean) => {
    answer(recovered);
    room.add(membership);
  };

  if (since === undefined || !room.stored || since.epoch !== epoch) return start(false);
  // Another gateway may have shown the client more than has reached this one.
  if (since.seq > room.head) await room.catchUp();
  if (since.seq > room.head) return start(false);

  let cursor = since.seq;
  let answered = false;
  while (!session.closed) {
    const missed = room.window.since(cursor);
    if (missed !== null) {
      // From here to the end nothing else runs, so no live message falls between.
      if (!answered) answer(true);
      for (const { frame } of missed) session.peer.send(frame);
      return room.add(membership);
    }
    const upTo = room.window.floor;
    const page = await session.edge.history.frames(room.name, cursor, upTo);
    if (page.epoch !== epoch || page.trimmedTo > cursor) {
      if (!answered) return start(false);
      // Retention overtook us half-way. What was called recovered must be whole.
      return session.close("unavailable");
    }
    if (!answered) answer(true);
    answered = true;
    for (const { seq, frame } of page.frames) {
      if (seq > cursor) session.peer.send(frame);
      cursor = Math.max(cursor, seq);
    }
    if (!page.more) {
      cursor = Math.max(cursor, upTo);
      // Who comes back next finds it there: a thousand members cost one read.
      if (upTo === room.window.floor) room.window.prepend(page.frames, page.after);
    }
    await session.peer.drained();
  }
}
