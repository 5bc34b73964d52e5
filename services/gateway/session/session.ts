/**
 * One client's session: it knows frames and who the client is, and nothing of sockets. A transport
 * gives it the text of each frame and takes its frames through a {@link Peer}.
 *
 * @module
 */
import {
  type ClientFrame,
  type ClientFrameOf,
  type CloseName,
  type Fault,
  fault,
  type Identity,
  parseClientFrame,
  type ServerFrame,
  USAGE_TTL_MS,
} from "../../contract/mod.ts";
import { faultOf } from "../../kit/mod.ts";
import { encodeFrame, type Frame } from "../wire/frame.ts";
import type { InboxBudget } from "./reading/inbox.ts";
import { referenceOfText } from "./frame_reference.ts";
import { Joining } from "./joining.ts";
import type { Membership } from "./membership.ts";
import type { Peer } from "./peer.ts";
import { Allowance } from "./quotas/allowance.ts";
import type { Quotas } from "./quotas/quotas.ts";
import { frameRate } from "./rate_limit.ts";
import { Reading } from "./reading/reading.ts";
import { closeAfterToken, isViolation, referenceOf } from "./refusals.ts";
import type { SessionLimits } from "./session_limits.ts";
import { countFrame, countRefusal, type SessionStats } from "./session_stats.ts";
import { Violations } from "./violations.ts";

/** How long before its token expires a client gets `token-expiring`, milliseconds. */
const EXPIRY_NOTICE_MS = 60_000;

/** What executes the frames of authenticated sessions; see `commands/`. */
export interface SessionCommands {
  /** Executes one frame. Never throws. */
  run(session: Session, identity: Identity, frame: ClientFrame): void;
  /** Applies a renewed token to the rooms that the session is in. `before` is the old identity. */
  identityRenewed(session: Session, before: Identity): Promise<void>;
  /** The session has ended: it leaves this room. */
  disconnected(session: Session, membership: Membership): void;
}

/** What all sessions of a gateway share. */
export interface SessionDeps {
  limits: SessionLimits;
  commands: SessionCommands;
  /** What frames that wait may take. */
  inboxes: InboxBudget;
  /** What users and addresses may use. */
  quotas: Quotas;
  /** Counts every frame received, with its bytes, and every error frame sent. */
  stats: SessionStats;
  /** Whether any room has frames queued that its members do not have yet. */
  flushes: { readonly feedsPending: boolean };
  /** The authenticated sessions by user. */
  users: { add(session: Session): void; remove(session: Session): void };
  /** Verifies a token that comes from an address. Throws a FaultError if it is refused. */
  verify(token: string, address: string): Promise<Identity>;
}

/** See the module's doc. */
export class Session {
  readonly id: string;
  readonly peer: Peer;
  /** The rooms that the session has joined, by name. */
  readonly rooms = new Map<string, Membership>();
  /** Null until the client has authenticated. */
  identity: Identity | null = null;
  closed = false;
  /** When it began, and when the client last did something; monotonic times in milliseconds. */
  readonly openedAt: number;
  lastActionAt: number;
  /** Whether and why the client is not read from. */
  readonly reading: Reading;
  /** What the client may still do. */
  readonly allowance: Allowance;
  /** The joins under way. */
  readonly joining: Joining;
  /** Bytes of history that the session has read and not sent yet. */
  pageBytes = 0;
  /** Bytes of the frame that is being executed. */
  frameBytes = 0;
  /** When that frame was read, by a monotonic clock in milliseconds. */
  readAt = 0;
  /** Requests under way; see `MAX_PENDING_ANSWERS`. */
  pendingAnswers = 0;
  readonly #deps: SessionDeps;
  /** Whether a token is being verified and applied. */
  #verifying = false;
  /** A token that came meanwhile. */
  #nextToken: ClientFrameOf<"auth"> | null = null;
  #expiryAnnounced = false;
  readonly #violations: Violations;

  /** `now` is a monotonic time in milliseconds. */
  constructor(id: string, peer: Peer, deps: SessionDeps, now: number) {
    this.id = id;
    this.peer = peer;
    this.reading = new Reading(this, deps.inboxes);
    this.joining = new Joining(this);
    this.#deps = deps;
    this.openedAt = now;
    this.lastActionAt = now;
    this.#violations = new Violations(now);
    this.allowance = new Allowance(deps.quotas, peer.address, frameRate(deps.limits, now));
  }

  /** Whether a token is being verified. */
  get verifying(): boolean {
    return this.#verifying;
  }

  /** Rooms that the session has joined or is joining. */
  get roomCount(): number {
    return this.rooms.size + this.joining.countWhere((room) => !this.rooms.has(room));
  }

  /** Bytes that wait for the session: frames to execute, and history to send. */
  get owed(): number {
    return this.reading.waiting + this.joining.heldBytes + this.pageBytes;
  }

  /** Takes the text of one frame. What it costs is counted before anybody looks into it. */
  receive(text: string, bytes: number): void {
    if (this.closed) return;
    const now = performance.now();
    this.lastActionAt = now;
    countFrame(this.#deps.stats, bytes);
    const refusal = this.allowance.frame(text, bytes, now);
    if (refusal !== null) {
      this.reading.slowDown();
      const reference = referenceOfText(text);
      if (!isViolation(refusal.code)) return this.refuse(refusal, reference);
      return this.refuseViolation(refusal, reference);
    }
    // Whatever it says, it needs the identity.
    if (this.#verifying && this.identity === null) this.reading.pause("token");
    this.reading.receive(text, now);
  }

  /** Runs the text of one frame, which was read at a monotonic time in milliseconds. */
  run(text: string, readAt: number): void {
    if (this.closed) return;
    this.frameBytes = text.length;
    this.readAt = readAt;
    const parsed = parseClientFrame(text);
    if (parsed.ok) return this.accept(parsed.frame);
    const { id, room, ...refusal } = parsed.error;
    this.refuseViolation(refusal, { id, room });
  }

  /**
   * Authenticates with a token from a frame or from the handshake. Call it for one token at a time. Never
   * throws.
   */
  async authenticate(token: string, id?: string): Promise<void> {
    const first = this.identity === null;
    this.#verifying = true;
    try {
      const identity = await this.#deps.verify(token, this.peer.address);
      if (this.closed) return;
      if (!first && identity.userId !== this.identity!.userId) {
        // Rooms, rights and presence belong to this user. Another user needs another connection.
        return this.refuse(fault("forbidden", "the token belongs to another user"), { id });
      }
      await this.#authenticated(identity, id);
    } catch (error) {
      if (!this.closed) this.#tokenRefused(faultOf(error), first, id);
    } finally {
      this.#verifying = false;
      this.#takeNextToken();
    }
  }

  #takeNextToken(): void {
    const next = this.#nextToken;
    this.#nextToken = null;
    if (next !== null && !this.closed) void this.authenticate(next.token, next.id);
    else this.reading.resume("token");
  }

  async #authenticated(identity: Identity, id: string | undefined): Promise<void> {
    const before = this.identity;
    this.identity = identity;
    this.#expiryAnnounced = false;
    if (before === null) {
      this.#deps.users.add(this);
      const close = this.allowance.authenticated(identity.userId);
      if (close !== null) {
        this.refuse(fault("rate_limited", "connections of this user", USAGE_TTL_MS), { id });
        return this.close(close);
      }
    }
    const { userId, username, expiresAt } = identity;
    const rate = this.#deps.quotas.announcedRate(this.#deps.limits);
    const who = { userId, username, connectionId: this.id, expiresAt };
    this.send({ type: "authenticated", ...who, rate, id });
    if (before !== null) await this.#deps.commands.identityRenewed(this, before);
  }

  #tokenRefused(refusal: Fault, first: boolean, id: string | undefined): void {
    this.refuse(refusal, { id });
    const close = closeAfterToken(refusal.code, first);
    if (close !== null) this.close(close);
  }

  /** Sends one frame. */
  send(frame: ServerFrame): void {
    if (!this.closed) this.sendFrame(encodeFrame(frame));
  }

  /** Sends one encoded frame, after everything that the client's rooms have queued for it. */
  sendFrame(frame: Frame): void {
    if (this.#deps.flushes.feedsPending) this.#flushRooms();
    this.peer.send(frame);
  }

  #flushRooms(): void {
    for (const membership of this.rooms.values()) membership.room.flushTo(membership);
  }

  /** Sends an `error` frame. */
  refuse(refusal: Fault, { id, room }: { id?: string; room?: string } = {}): void {
    if (!this.closed) countRefusal(this.#deps.stats, refusal);
    this.send({ type: "error", ...refusal, id, room });
  }

  /** Refuses a frame that the client should not have sent. Too many of them end with close 4005. */
  refuseViolation(refusal: Fault, frame: { id?: string; room?: string }): void {
    this.refuse(refusal, frame);
    if (this.#violations.add(performance.now())) this.close("too_many_violations");
  }

  /** Checks deadlines. Called about once a second with a monotonic and a wall-clock time. */
  tick(now: number, wallClock: number): void {
    if (this.closed) return;
    const { AUTH_DEADLINE_MS, IDLE_TIMEOUT_MS } = this.#deps.limits;
    if (this.identity === null) {
      if (!this.#verifying && now - this.openedAt >= AUTH_DEADLINE_MS) {
        this.refuse(fault("unauthorized", "no token in time"));
        this.close("unauthorized");
      }
      return;
    }
    if (IDLE_TIMEOUT_MS > 0 && now - this.lastActionAt >= IDLE_TIMEOUT_MS) {
      return this.close("idle");
    }
    const { expiresAt } = this.identity;
    if (expiresAt === null) return;
    if (wallClock >= expiresAt) {
      this.refuse(fault("token_expired"));
      this.close("token_expired");
    } else if (!this.#expiryAnnounced && wallClock >= expiresAt - EXPIRY_NOTICE_MS) {
      this.#expiryAnnounced = true;
      this.send({ type: "token-expiring", expiresAt });
    }
  }

  /** Closes the connection from this side. */
  close(name: CloseName): void {
    if (this.closed) return;
    this.#flushRooms();
    // That flush may have overflowed the reader's buffer and closed the session.
    if (this.closed) return;
    this.peer.close(name);
    this.disconnected();
  }

  /** Ends the session, whichever side closed the connection: it leaves every room. */
  disconnected(): void {
    if (this.closed) return;
    this.closed = true;
    this.reading.end();
    for (const membership of [...this.rooms.values()]) {
      this.#deps.commands.disconnected(this, membership);
    }
    if (this.identity !== null) this.#deps.users.remove(this);
  }

  /** Executes a frame. */
  accept(frame: ClientFrame): void {
    if (this.closed) return;
    if (frame.type === "auth") {
      if (!this.#verifying) return void this.authenticate(frame.token, frame.id);
      this.#nextToken = frame;
      this.reading.pause("token");
    } else if (frame.type === "ping") {
      this.send({ type: "pong", id: frame.id });
    } else if (this.identity === null) {
      this.refuseViolation(fault("unauthorized"), referenceOf(frame));
    } else {
      this.#deps.commands.run(this, this.identity, frame);
    }
  }
}
