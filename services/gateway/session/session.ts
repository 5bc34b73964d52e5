/**
 * One client's session: knows frames and who the client is, and nothing of sockets. A transport
 * gives it texts and takes its frames through a {@link Peer}.
 *
 * @module
 */
import {
  type ClientFrame,
  type CloseName,
  type Fault,
  fault,
  type Identity,
  MAX_FRAMES_BEFORE_AUTH,
  MAX_FRAMES_BEFORE_JOIN,
  parseClientFrame,
  type ServerFrame,
} from "../../contract/mod.ts";
import { faultOf } from "../../kit/mod.ts";
import type { Batch } from "../wire/batch.ts";
import { run } from "./commands.ts";
import type { Edge } from "../edge.ts";
import { encodeFrame, type Frame } from "../wire/frame.ts";
import type { Membership } from "./membership.ts";
import { RateLimit } from "./rate_limit.ts";
import { renewGrants } from "./subscribing.ts";

/** A transport, as a session sees it. */
export interface Peer {
  /** Sends a frame; never blocks and never throws. Sessions send by {@link Session.sendFrame}. */
  send(frame: Frame): void;
  /** Sends what a room has for all of its members. */
  sendBatch(batch: Batch): void;
  /** Whether the reader is so far behind that what may be dropped is. */
  readonly dropping: boolean;
  /** Whether so much waits to be sent that whoever can wait should. */
  readonly behind: boolean;
  /** Resolves when the reader has taken nearly all that was sent, or is gone. */
  drained(): Promise<void>;
  /** Stops and goes on reading from the client. */
  pause(): void;
  resume(): void;
  /** Sends what is pending, then closes. */
  close(name: CloseName): void;
}

/** Refused frames within a minute after which a client is closed with 4005. */
const MAX_VIOLATIONS = 100;
const VIOLATION_WINDOW_MS = 60_000;

/** How long before the token's end a client is told, milliseconds. */
const EXPIRING_MS = 60_000;

/** Answers (history, presence, calls) a client may await at a time. */
export const MAX_ASKING = 16;

/** A room that is being entered, with the frames that wait for it. */
interface Entering {
  held: ClientFrame[];
}

/** See the module's doc. */
export class Session {
  readonly id: string;
  readonly peer: Peer;
  readonly edge: Edge;
  readonly rooms = new Map<string, Membership>();
  /** Made with the first: most sessions enter few rooms and then stay, and a map is 200 bytes. */
  #entering: Map<string, Entering> | null = null;
  identity: Identity | null = null;
  closed = false;
  /** Answers under way; see {@link MAX_ASKING}. */
  asking = 0;
  readonly since: number;
  lastFrame: number;
  #verifying = false;
  #early: ClientFrame[] | null = null;
  #heldCount = 0;
  #warned = false;
  #violations = 0;
  #violationsSince: number;
  readonly #rate: RateLimit;

  /** `now` is a monotonic time in milliseconds. */
  constructor(id: string, peer: Peer, edge: Edge, now: number) {
    this.id = id;
    this.peer = peer;
    this.edge = edge;
    this.since = now;
    this.lastFrame = now;
    this.#violationsSince = now;
    const { RATE_FRAMES_PER_SECOND, RATE_BURST } = edge.config;
    this.#rate = new RateLimit(RATE_FRAMES_PER_SECOND, RATE_BURST, now);
  }

  /** Takes in the text of one frame. */
  receive(text: string): void {
    if (this.closed) return;
    const now = performance.now();
    this.lastFrame = now;
    this.edge.stats.framesIn++;
    const parsed = parseClientFrame(text);
    const retryAfter = this.#rate.take(now);
    if (retryAfter > 0) {
      const { id, room } = parsed.ok ? about(parsed.frame) : parsed.error;
      return this.violate(fault("rate_limited", undefined, retryAfter), { id, room });
    }
    if (!parsed.ok) {
      const { id, room, ...refusal } = parsed.error;
      return this.violate(refusal, { id, room });
    }
    this.#accept(parsed.frame);
  }

  /** Presents a token, from a frame or from the handshake. */
  async authenticate(token: string, id?: string): Promise<void> {
    const first = this.identity === null;
    if (this.#verifying) {
      return this.refuse(fault("rate_limited", "a token is being verified"), { id });
    }
    this.#verifying = true;
    try {
      const identity = await this.edge.verify(token);
      if (this.closed) return;
      if (!first && identity.userId !== this.identity!.userId) {
        // Rooms, rights and presence are this user's: another user needs another connection.
        return this.refuse(fault("forbidden", "the token is another user's"), { id });
      }
      const before = this.identity;
      this.identity = identity;
      this.#warned = false;
      if (before === null) this.edge.users.add(this);
      const { userId, username, expiresAt } = identity;
      const { RATE_FRAMES_PER_SECOND: perSecond, RATE_BURST: burst } = this.edge.config;
      const rate = { perSecond, burst };
      this.send({
        type: "authenticated",
        userId,
        username,
        connectionId: this.id,
        expiresAt,
        rate,
        id,
      });
      const sameRooms = JSON.stringify(before?.rooms) === JSON.stringify(identity.rooms);
      if (before !== null && !sameRooms) await renewGrants(this, identity);
    } catch (error) {
      if (this.closed) return;
      const refusal = faultOf(error);
      this.refuse(refusal, { id });
      // A refresh that failed for want of the auth service ends nothing: the old token still holds.
      if (refusal.code === "unavailable") return first ? this.close("unavailable") : undefined;
      this.close(refusal.code === "token_expired" ? "token_expired" : "unauthorized");
    } finally {
      this.#verifying = false;
      const early = this.#early ?? [];
      this.#early = null;
      for (const frame of early) this.#accept(frame);
    }
  }

  /** Sends one frame. */
  send(frame: ServerFrame): void {
    if (!this.closed) this.sendFrame(encodeFrame(frame));
  }

  /** Sends one frame that is built already, in its place among what the client's rooms have for it. */
  sendFrame(frame: Frame): void {
    if (this.edge.flushes.feedsOpen) this.#pull();
    this.peer.send(frame);
  }

  #pull(): void {
    for (const membership of this.rooms.values()) membership.room.pull(membership);
  }

  /** Sends an `error` frame. */
  refuse(refusal: Fault, { id, room }: { id?: string; room?: string } = {}): void {
    this.send({ type: "error", ...refusal, id, room });
  }

  /** What is known of a room that is being entered. */
  enteringOf(room: string): Entering | undefined {
    return this.#entering?.get(room);
  }

  /** A room is being entered from now on, until {@link release}. */
  enter(room: string): Entering {
    const entering: Entering = { held: [] };
    (this.#entering ??= new Map()).set(room, entering);
    return entering;
  }

  /** Rooms that it is in or is entering. */
  get roomCount(): number {
    let count = this.rooms.size;
    for (const room of this.#entering?.keys() ?? []) if (!this.rooms.has(room)) count++;
    return count;
  }

  /** Keeps a frame until the room it is for has been entered. */
  hold(entering: Entering, frame: ClientFrame): void {
    if (this.#heldCount >= MAX_FRAMES_BEFORE_JOIN) {
      return this.refuse(fault("rate_limited", "too many frames wait", 100), about(frame));
    }
    entering.held.push(frame);
    if (this.#heldCount++ === 0) this.peer.pause();
  }

  /** Runs what waited for a room, in order, now that entering it has ended one way or another. */
  release(room: string, entering: Entering): void {
    if (this.#entering?.get(room) === entering) this.#entering.delete(room);
    if (this.#entering?.size === 0) this.#entering = null;
    if (entering.held.length === 0) return;
    this.#heldCount -= entering.held.length;
    for (const frame of entering.held) this.#accept(frame);
    if (this.#heldCount === 0) this.peer.resume();
  }

  /** What happens by itself; called about once a second with a monotonic and a wall-clock time. */
  tick(now: number, wallClock: number): void {
    if (this.closed) return;
    if (this.identity === null) {
      if (!this.#verifying && now - this.since >= this.edge.config.AUTH_DEADLINE_MS) {
        this.refuse(fault("unauthorized", "no token in time"));
        this.close("unauthorized");
      }
      return;
    }
    const { IDLE_TIMEOUT_MS } = this.edge.config;
    if (IDLE_TIMEOUT_MS > 0 && now - this.lastFrame >= IDLE_TIMEOUT_MS) return this.close("idle");
    const { expiresAt } = this.identity;
    if (expiresAt === null) return;
    if (wallClock >= expiresAt) {
      this.refuse(fault("token_expired"));
      this.close("token_expired");
    } else if (!this.#warned && wallClock >= expiresAt - EXPIRING_MS) {
      this.#warned = true;
      this.send({ type: "token-expiring", expiresAt });
    }
  }

  /** Closes the connection from this side. */
  close(name: CloseName): void {
    if (this.closed) return;
    this.#pull();
    // What was given last may have been too much, and have closed it.
    if (this.closed) return;
    this.peer.close(name);
    this.ended();
  }

  /** The connection is gone, from whichever side: leaves every room. */
  ended(): void {
    if (this.closed) return;
    this.closed = true;
    this.#early = null;
    for (const membership of [...this.rooms.values()]) this.edge.leave(membership, true);
    if (this.identity !== null) this.edge.users.remove(this);
    this.edge.sessions.delete(this);
  }

  #accept(frame: ClientFrame): void {
    if (this.closed) return;
    if (this.identity === null && this.#verifying) {
      const early = this.#early ??= [];
      if (early.length >= MAX_FRAMES_BEFORE_AUTH) {
        return this.refuse(
          fault("rate_limited", "the token is still being verified", 100),
          about(frame),
        );
      }
      early.push(frame);
    } else if (frame.type === "auth") {
      void this.authenticate(frame.token, frame.id);
    } else if (frame.type === "ping") {
      this.send({ type: "pong", id: frame.id });
    } else if (this.identity === null) {
      this.violate(fault("unauthorized"), about(frame));
    } else {
      run(this, this.identity, frame);
    }
  }

  /** Refuses what the client itself did wrong: who goes on like that is closed with 4005. */
  violate(refusal: Fault, frame: { id?: string; room?: string }): void {
    this.refuse(refusal, frame);
    const now = performance.now();
    if (now - this.#violationsSince > VIOLATION_WINDOW_MS) {
      this.#violationsSince = now;
      this.#violations = 0;
    }
    if (++this.#violations >= MAX_VIOLATIONS) this.close("too_many_violations");
  }
}

/** What an error frame says of the frame it is about. */
export function about(frame: ClientFrame): { id?: string; room?: string } {
  return {
    id: "id" in frame ? frame.id : undefined,
    room: "room" in frame ? frame.room : undefined,
  };
}
