/**
 * Joining and leaving rooms: the grant first, then the room itself, then the replay.
 *
 * @module
 */
import {
  type ClientFrameOf,
  fault,
  type Grant,
  type Identity,
  type PresenceState,
  rightsInRoom,
} from "../../../contract/mod.ts";
import {
  type Context,
  contextOf,
  FaultError,
  faultOf,
  SpanKind,
  startHop,
} from "../../../kit/mod.ts";
import type { Logs } from "../../room/logs.ts";
import type { Presence } from "../../room/presence.ts";
import type { RoomTable } from "../../room/room_table.ts";
import type { Access } from "../identity/access.ts";
import type { Grants } from "./grants.ts";
import { applyGrant, type Membership } from "../membership.ts";
import { replay, type ReplayDeps } from "./replay.ts";
import { requireRight } from "./rights.ts";
import type { Session } from "../session.ts";

/** How long a join waits for a gateway that has just started to find the log, milliseconds. */
const FIND_LOG_MS = 2_000;

/**
 * How often the grant of a renewed token is requested, and the longest wait in between, milliseconds.
 * Then the session leaves the room: what nobody can confirm is not allowed.
 */
const RENEW_TRIES = 3;
const RENEW_WAIT_MS = 2_000;

/** What joining needs from the gateway. */
export interface JoinDeps extends ReplayDeps {
  limits: { MAX_ROOMS: number };
  logs: Logs;
  rooms: RoomTable;
  presence: Presence;
  grants: Grants;
  access: Pick<Access, "requireNotBanned" | "isRevoked">;
  /** Counts joins by outcome. */
  stats: { joins: { add(outcome: string): void } };
}

/** Executes the frames that join and leave. */
export interface Joins {
  /** Joins a room, or recovers in one that was joined before. Never throws: it sends the refusal. */
  subscribe(
    session: Session,
    identity: Identity,
    frame: ClientFrameOf<"subscribe">,
  ): Promise<void>;
  /** Changes the user's state in a room. Throws a FaultError if it is refused. */
  updatePresence(
    session: Session,
    identity: Identity,
    frame: ClientFrameOf<"update-presence">,
  ): void;
  /** Leaves a room. Throws a FaultError `room_not_found` if the session is not in it. */
  unsubscribe(session: Session, frame: ClientFrameOf<"unsubscribe">): void;
  /**
   * Applies a renewed token. Another name is shown to the members of all rooms. With another `rooms`
   * claim all grants are requested again, and the session leaves each room that it may no longer be in,
   * with an `error` frame.
   */
  identityRenewed(session: Session, before: Identity): Promise<void>;
  /** Takes a session out of a room, if it is in it, and says why. `message` is for people. */
  expel(session: Session, room: string, why: "kicked" | "banned", message?: string): void;
  /** Takes a session out of a room. `linger`: the connection was lost and the user may return. */
  leave(session: Session, membership: Membership, linger: boolean): void;
}

/** Makes the join commands of one gateway. */
export function createJoins(deps: JoinDeps): Joins {
  const { limits, logs, rooms, presence, grants, access, stats } = deps;

  const leave = (session: Session, membership: Membership, linger: boolean) => {
    const { room } = membership;
    if (session.rooms.get(room.name) !== membership) return;
    session.rooms.delete(room.name);
    room.remove(membership);
    rooms.release(room);
    if (room.presence !== null) presence.exit(room.name, session.identity!, linger);
  };

  /** Acquires the room and makes the session a member, without live messages yet. */
  const enter = async (
    session: Session,
    identity: Identity,
    { room: name, presence: state, trace = false }: ClientFrameOf<"subscribe">,
    context: Context,
  ): Promise<Membership> => {
    access.requireNotBanned(identity.userId, name);
    let grant = await grants.get(name, identity, () => !session.closed, context);
    requireAsked(grant, name, state, trace);
    const room = await rooms.acquire(name, grant, () => session.allowance.roomOpened());
    try {
      while (!session.closed && session.identity !== identity) {
        // The token was renewed meanwhile: the new one decides, as it does for joined rooms.
        identity = session.identity!;
        grant = await grants.get(name, identity, () => !session.closed, context);
        requireAsked(grant, name, state, trace);
      }
      if (session.closed) throw new FaultError("unavailable");
      // Last, with no wait before the session becomes a member: a ban finds members only.
      access.requireNotBanned(identity.userId, name);
    } catch (error) {
      rooms.release(room);
      throw error;
    }
    const sees = { seesPresence: false, wantsTraces: trace, seesTraces: false };
    const membership = { session, room, grant, ...sees, index: -1, feedPosition: 0 };
    applyGrant(membership, grant);
    session.rooms.set(name, membership);
    if (room.presence !== null) presence.enter(name, identity, state);
    return membership;
  };

  /** The grant of a renewed token. While rooms is overloaded the old grant stays for a few seconds. */
  const renewedGrant = async (session: Session, room: string, identity: Identity) => {
    const wanted = () => !session.closed && session.identity === identity;
    for (let tries = 1;; tries++) {
      try {
        return await grants.get(room, identity, wanted);
      } catch (error) {
        const { code, retryAfter = 1_000 } = faultOf(error);
        if (code !== "unavailable" || tries >= RENEW_TRIES || !wanted()) throw error;
        await new Promise((resolve) => setTimeout(resolve, Math.min(retryAfter, RENEW_WAIT_MS)));
      }
    }
  };

  return {
    leave,

    async subscribe(session, identity, frame) {
      const { room: name, since, presence: state, trace = false, id } = frame;
      const known = session.rooms.get(name);
      if (known === undefined && session.roomCount >= limits.MAX_ROOMS) {
        const detail = `${limits.MAX_ROOMS} on one connection`;
        stats.joins.add("too_many_rooms");
        return session.refuse(fault("too_many_rooms", detail), { id, room: name });
      }
      session.joining.began(name);
      const hop = startHop("receive subscribe", SpanKind.SERVER, contextOf(undefined), {
        "hopwire.room": name,
        "hopwire.connection": session.id,
      });
      try {
        await logs.waitUntilFound(FIND_LOG_MS);
        if (logs.of(name).epoch === null) {
          throw new FaultError("unavailable", "the log cannot be reached", 1_000);
        }
        // Subscribing again asks for what was missed: no live message may come in between.
        known?.room.remove(known);
        const membership = known ?? await enter(session, identity, frame, hop.context);
        if (known !== undefined) {
          requireAsked(known.grant, name, state, trace);
          known.wantsTraces = trace;
          applyGrant(known, known.grant);
          if (state !== undefined) presence.update(name, identity.userId, { presence: state });
        }
        await replay(deps, session, membership, since, id);
        if (session.closed) leave(session, membership, true);
        hop.end();
        stats.joins.add("ok");
      } catch (error) {
        const membership = session.rooms.get(name);
        if (membership !== undefined) leave(session, membership, session.closed);
        const refusal = faultOf(error);
        hop.end(refusal.code);
        stats.joins.add(refusal.code);
        if (refusal.code === "rate_limited") session.refuseViolation(refusal, { id, room: name });
        else session.refuse(refusal, { id, room: name });
      } finally {
        session.joining.ended(name);
      }
    },

    unsubscribe(session, { room, id }) {
      const membership = session.rooms.get(room);
      if (membership === undefined) throw new FaultError("room_not_found");
      leave(session, membership, false);
      session.send({ type: "unsubscribed", room, id });
    },

    expel(session, room, why, message) {
      const membership = session.rooms.get(room);
      if (membership === undefined) return;
      leave(session, membership, false);
      session.send({ type: "unsubscribed", room, reason: why, message });
    },

    updatePresence(session, { userId }, { room: name, presence: state }) {
      const { grant } = requireRight(session, name, "publish");
      requireState(grant, name);
      presence.update(name, userId, { presence: state });
    },

    async identityRenewed(session, before) {
      const identity = session.identity!;
      const { userId, username } = identity;
      if (access.isRevoked(identity)) return session.close("revoked");
      if (username !== before.username) {
        for (const { room } of session.rooms.values()) {
          if (room.presence !== null) presence.update(room.name, userId, { username });
        }
      }
      if (JSON.stringify(before.rooms) === JSON.stringify(identity.rooms)) return;
      // What the new claim does not give ends at once; what it gives anew comes with its grant.
      for (const membership of narrow(session, identity.rooms)) {
        const { name } = membership.room;
        leave(session, membership, false);
        session.refuse(fault("forbidden", `no right to subscribe to ${name}`), { room: name });
      }
      // Only rooms knows what no claim gives. The session resumes once the token has been applied.
      if (identity.rooms === null) session.reading.pause("token");
      // Together, so that they travel in one request.
      await Promise.all([...session.rooms.values()].map(async (membership) => {
        const { room } = membership;
        try {
          const grant = await renewedGrant(session, room.name, identity);
          // A later token decides for itself.
          if (session.identity !== identity) return;
          applyGrant(membership, grant);
        } catch (error) {
          if (session.closed || session.identity !== identity) return;
          leave(session, membership, false);
          session.refuse(faultOf(error), { room: room.name });
        }
      }));
    },
  };
}

/**
 * Takes from the grants of a session what a renewed claim does not give. Returns the memberships that
 * have to end.
 */
function narrow(session: Session, claim: Identity["rooms"]): Membership[] {
  // Without a claim the rules of the rooms decide, which only rooms knows.
  if (claim === null) return [];
  return [...session.rooms.values()].filter((membership) => {
    const given = rightsInRoom(claim, membership.room.name);
    const rights = membership.grant.rights.filter((right) => given.has(right));
    applyGrant(membership, { ...membership.grant, rights });
    return !given.has("subscribe");
  });
}

/**
 * What a `subscribe` asks for beyond the messages needs rights of its own.
 *
 * @throws {FaultError} `forbidden` without them
 */
function requireAsked(
  grant: Grant,
  room: string,
  state: PresenceState | undefined,
  trace: boolean,
): void {
  if (state !== undefined) requireState(grant, room);
  if (trace && !grant.rights.includes("trace")) {
    throw new FaultError("forbidden", `no right to trace in ${room}`);
  }
}

/**
 * A state is shown to all members, like a message.
 *
 * @throws {FaultError} `forbidden` without the right to publish, or where there is no presence
 */
function requireState({ rights, presence }: Grant, room: string): void {
  if (presence === "off") throw new FaultError("forbidden", `${room} has no presence`);
  if (!rights.includes("publish")) {
    throw new FaultError("forbidden", `no right to publish in ${room}`);
  }
}
