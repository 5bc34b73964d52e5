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
} from "../../contract/mod.ts";
import { contextOf, FaultError, faultOf, SpanKind, startHop } from "../../kit/mod.ts";
import type { Membership } from "./membership.ts";
import type { Session } from "./session.ts";
import type { Delivered } from "../room/window.ts";

/** Runs a `subscribe` frame. Never throws: what goes wrong is told to the client. */
export async function subscribe(
  session: Session,
  identity: Identity,
  frame: ClientFrameOf<"subscribe">,
): Promise<void> {
  const { edge } = session;
  const { room: name, since, id } = frame;
  const known = session.rooms.get(name);
  if (known === undefined && session.roomCount >= edge.config.MAX_ROOMS) {
    const detail = `${edge.config.MAX_ROOMS} on one connection`;
    return session.refuse(fault("too_many_rooms", detail), { id, room: name });
  }
  const entering = session.enter(name);
  const hop = startHop("receive subscribe", SpanKind.SERVER, contextOf(undefined), {
    "hopwire.room": name,
    "hopwire.connection": session.id,
  });
  let granted: Grant | undefined;
  try {
    await edge.log.found(FIND_LOG_MS);
    if (edge.log.epoch === null) throw new FaultError("unavailable", "the log is not there", 1_000);
    let membership = known;
    if (membership === undefined) {
      const grant = granted = await edge.presence.enter(name, identity, hop.context);
      const room = await edge.rooms.acquire(name, grant);
      const seesPresence = grant.rights.includes("presence");
      membership = { session, room, grant, seesPresence, index: -1, fed: 0 };
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

/** How long a client that comes as soon as the gateway listens waits for the log to be found, ms. */
const FIND_LOG_MS = 2_000;

/** Bytes that are sent before it is seen whether the reader keeps up. */
const CHUNK_BYTES = 64 * 1024;

/** Answers `subscribed`, sends what was missed, and puts the member where live messages reach it. */
async function attach(
  membership: Membership,
  since: Since | undefined,
  id?: string,
): Promise<void> {
  const { session, room, grant } = membership;
  const { peer, edge } = session;
  const epoch = edge.log.epoch!;
  const answer = (recovered: boolean) =>
    session.send({
      type: "subscribed",
      room: room.name,
      seq: room.head,
      epoch,
      recovered,
      count: membership.seesPresence ? grant.count : undefined,
      id,
    });
  const start = (recovered: boolean) => {
    answer(recovered);
    room.add(membership);
  };

  // What was missed is history: without that right there is none.
  const mayRecover = room.stored && grant.rights.includes("history");
  if (since === undefined || !mayRecover || since.epoch !== epoch) return start(false);
  await room.becomeWhole();
  // Another gateway may have shown the client more than has reached this one.
  if (since.seq > room.head) await room.catchUp();
  if (since.seq > room.head) return start(false);

  let cursor = since.seq;
  let answered = false;
  while (!session.closed) {
    // Several rooms catch up side by side; none may fill the socket for the others.
    if (peer.behind) {
      await peer.drained();
      continue;
    }
    const missed = room.window.since(cursor);
    if (missed !== null) {
      if (!answered) answer(true);
      answered = true;
      const sent = sendChunk(session, missed, cursor);
      // Where all was sent nothing else has run since the look, so no live message falls between.
      if (sent === (missed.at(-1)?.seq ?? cursor)) return room.add(membership);
      cursor = sent;
      continue;
    }
    const upTo = room.window.floor;
    const page = await edge.history.frames(room.name, cursor, upTo);
    if (page.epoch !== epoch || page.trimmedTo > cursor) {
      if (!answered) return start(false);
      // Retention overtook us half-way. What was called recovered must be whole.
      return session.close("unavailable");
    }
    if (!answered) answer(true);
    answered = true;
    const last = page.frames.at(-1)?.seq ?? cursor;
    while (cursor < last && !session.closed) {
      if (peer.behind) await peer.drained();
      else cursor = sendChunk(session, page.frames, cursor);
    }
    if (page.more) continue;
    cursor = Math.max(cursor, upTo);
    // Who comes back next finds it there: a thousand members cost one read. The floor may have sunk
    // meanwhile, by a read that did not reach as far back.
    const { floor } = room.window;
    const reach = Math.max(page.after, page.trimmedTo);
    if (reach < floor && floor <= upTo) {
      room.window.prepend(page.frames.filter(({ seq }) => seq <= floor), reach);
    }
  }
}

/** Sends what follows `cursor`, about {@link CHUNK_BYTES} of it. Gives the last seq sent. */
function sendChunk(session: Session, entries: readonly Delivered[], cursor: number): number {
  let bytes = 0;
  for (const { seq, frame } of entries) {
    if (seq <= cursor) continue;
    session.sendFrame(frame);
    cursor = seq;
    bytes += frame.wire.length;
    if (bytes >= CHUNK_BYTES) break;
  }
  return cursor;
}

/**
 * Asks for the grants of every room anew: the session's token says something else about rooms now.
 * A room that it may not be in any more is left, with an `error` that says so.
 */
export async function renewGrants(session: Session, identity: Identity): Promise<void> {
  const { edge } = session;
  for (const membership of [...session.rooms.values()]) {
    const { room } = membership;
    try {
      const grant = await edge.presence.renew(room.name, identity);
      membership.grant = grant;
      membership.seesPresence = grant.rights.includes("presence");
    } catch (error) {
      if (session.closed) return;
      edge.leave(membership, false);
      session.refuse(faultOf(error), { room: room.name });
    }
  }
}
