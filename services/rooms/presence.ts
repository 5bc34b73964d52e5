/**
 * Presence, kept in a JetStream key-value bucket so that any number of instances can serve it and
 * any of them may die at any point.
 *
 * Two kinds of keys: `m.<user>.<gateway>.<room>` says that a gateway holds a user in a room, and
 * `u.<bucket>.<user>.<room>` that the room's members were told so. The second is written only by
 * compare-and-set, so each announcement happens once whoever makes it; and NATS itself republishes
 * it as `room.presence.<bucket>.<user>.<room>`, so an announcement that is stored is also sent.
 * What an instance leaves half done when it dies, another finishes (see {@link Presences.sweep}).
 *
 * @module
 */
import {
  bucketOf,
  gatewayLostSubject,
  MAX_REQUEST_AGE_MS,
  PresenceEvent,
  subjectToken,
} from "../contract/mod.ts";
import { type Bus, errorText, FaultError } from "../kit/mod.ts";
import { PresenceLog } from "./presence_log.ts";
import { memberKey, type Roster } from "./roster.ts";

/** Times a compare-and-set is tried anew. Each loss means that somebody else went ahead. */
const MAX_TRIES = 16;

/** How long a half-done change may stand before any instance finishes it, milliseconds. */
const SETTLE_AGE_MS = 1_000;

/** How often leases and half-done changes are looked at, milliseconds. */
const SWEEP_MS = 500;

/** A NATS that takes longer to answer was standing still, and with it what gateways said, ms. */
const SLOW_FLUSH_MS = 500;

/** A sweep that comes so late means that this process was stopped, milliseconds. */
const LATE_MS = 3 * SWEEP_MS;

/** Members of a dead gateway that are let go at a time. */
const EVICT_AT_A_TIME = 64;

/**
 * When deletion markers are taken out of the bucket, milliseconds, and how many a sweep. Each costs
 * a request to JetStream; every instance adds up to half of the age, so that mostly one does it.
 */
const PURGE_AGE_MS = 3 * MAX_REQUEST_AGE_MS;
const PURGE_BATCH = 256;

/** Who holds whom where, and in which turn of the gateway. */
export interface HoldRequest {
  room: string;
  userId: string;
  gateway: string;
  turn: number;
}

/** Options of {@link openPresence}. */
export interface PresenceOptions {
  /** How long a gateway may be silent before its members leave, milliseconds. */
  leaseMs: number;
  /** Bytes that the bucket may take. */
  maxBytes: number;
}

/**
 * Opens the bucket (making it where it is missing), follows it and begins to sweep.
 *
 * @throws {JetStreamApiError} when the bucket cannot be made
 */
export async function openPresence(bus: Bus, options: PresenceOptions): Promise<Presences> {
  const log = new PresenceLog(bus, options.maxBytes);
  await log.follow();
  return new Presences(bus, log, options.leaseMs);
}

/** See the module's doc. */
export class Presences {
  readonly #bus: Bus;
  readonly #log: PresenceLog;
  readonly #leaseMs: number;
  readonly #purgeAge = PURGE_AGE_MS * (1 + Math.random() / 2);
  readonly #lastSeen = new Map<string, number>();
  readonly #timer: ReturnType<typeof setInterval>;
  #lastSweep = performance.now();
  #sweeping = false;
  #ending = false;

  constructor(bus: Bus, log: PresenceLog, leaseMs: number) {
    this.#bus = bus;
    this.#log = log;
    this.#leaseMs = leaseMs;
    this.#timer = setInterval(() => void this.sweep(), SWEEP_MS);
    bus.onReconnect(() => this.#grantGrace());
  }

  /** Who is where, as far as this instance has read the bucket. */
  get roster(): Roster {
    return this.#log.roster;
  }

  /** Whether the roster is being kept up to date. */
  get following(): boolean {
    return this.#log.following;
  }

  /** Resolves when the roster has taken in `revision`; see {@link PresenceLog.caughtUp}. */
  caughtUp(revision: number): Promise<void> {
    return this.#log.caughtUp(revision);
  }

  /**
   * Stops sweeping. The first thing to do at the end: an instance that drains no longer hears gateways,
   * and would take all of them for dead.
   */
  stopSweeping(): void {
    this.#ending = true;
    clearInterval(this.#timer);
  }

  /** Stops following and sweeping. */
  stop(): void {
    this.stopSweeping();
    this.#log.stop();
  }

  /** A gateway has said that it lives. */
  alive(gateway: string): void {
    this.#lastSeen.set(gateway, performance.now());
  }

  /**
   * A gateway holds a user in a room from now on. Doing it again changes nothing.
   *
   * @returns the members of the room now, and the revision that has this in it
   * @throws {FaultError} `unavailable` where it could not be stored, or was overtaken
   */
  async join(
    { room, userId, gateway, turn }: HoldRequest,
    username: string,
  ): Promise<{ count: number; revision: number }> {
    const user = subjectToken(userId);
    if (!this.#lastSeen.has(gateway)) this.alive(gateway);
    const written = await this.#hold(room, user, gateway, { username, turn }, false);
    if (written === null) throw new FaultError("unavailable", "the join was overtaken", 0);
    // Written even where the user is announced already: whoever is about to say that the user has
    // left (having seen no gateway before ours) then loses the compare-and-set.
    const revision = await this.#announce(room, user, userId, username);
    const known = this.roster.get(room, user)?.announced === true;
    return { count: this.roster.count(room) + (known ? 0 : 1), revision };
  }

  /**
   * A gateway no longer holds a user in a room.
   *
   * @throws {FaultError} `unavailable` where it could not be stored
   */
  async leave({ room, userId, gateway, turn }: HoldRequest): Promise<void> {
    const user = subjectToken(userId);
    const written = await this.#hold(room, user, gateway, { username: "", turn }, true);
    // Overtaken by a join: the user is there.
    if (written === null) return;
    await this.#log.caughtUp(written);
    await this.#retract(room, user);
  }

  /** Writes a gateway's own key, unless one of a later turn is there: then null. */
  async #hold(
    room: string,
    user: string,
    gateway: string,
    value: { username: string; turn: number },
    deleted: boolean,
  ): Promise<number | null> {
    const key = memberKey(user, gateway, room);
    let known = this.roster.get(room, user)?.gateways.get(gateway) ?? { revision: 0, turn: 0 };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      if (known.turn > value.turn) return null;
      const written = await this.#log.write(key, value, known.revision, deleted);
      if (written !== null) return written;
      known = await this.#log.read(key);
    }
    throw new FaultError("unavailable", "presence changes too fast", 1_000);
  }

  /** Lets go of dead gateways' members, finishes what others left half done, tidies up. */
  async sweep(): Promise<void> {
    const now = performance.now();
    // What the gateways said while we were stopped is still in our socket, so their silence proves
    // nothing.
    if (now - this.#lastSweep > LATE_MS) this.#grantGrace();
    this.#lastSweep = now;
    if (this.#ending || this.#sweeping || !this.#bus.connected || !this.following) return;
    this.#sweeping = true;
    try {
      for (const gateway of [...this.roster.gateways()]) await this.#checkLease(gateway);
      for (const [gateway, seen] of this.#lastSeen) {
        if (now - seen > 10 * this.#leaseMs) this.#lastSeen.delete(gateway);
      }
      for (const { user, room } of this.roster.unsettled(SETTLE_AGE_MS, now)) {
        const presence = this.roster.get(room, user);
        if (presence === undefined) continue;
        if (presence.gateways.size === 0) await this.#retract(room, user);
        else await this.#announce(room, user, presence.userId, presence.username);
      }
      await this.#log.purge(this.roster.takeMarkers(this.#purgeAge, now, PURGE_BATCH));
    } catch (error) {
      this.#bus.log.warn("a sweep of presence failed", { error: errorText(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  async #checkLease(gateway: string): Promise<void> {
    const expired = () => {
      if (this.#ending) return false;
      const seen = this.#lastSeen.get(gateway);
      if (seen === undefined) this.alive(gateway);
      return seen !== undefined && performance.now() - seen > this.#leaseMs;
    };
    if (!expired()) return;
    const asked = performance.now();
    await this.#bus.nats.flush();
    if (performance.now() - asked > SLOW_FLUSH_MS) return this.#grantGrace();
    if (!expired()) return;
    const held = this.roster.heldBy(gateway).map(({ user, room }) => {
      const { revision, turn } = this.roster.get(room, user)!.gateways.get(gateway)!;
      return { user, room, revision, turn };
    });
    this.#bus.log.warn("a gateway is gone", { gateway, members: held.length });
    // It may be alive after all, and only have been cut off: then it joins everybody again. Said before
    // anybody is let go, since this instance may die at any point, and nobody else would know; what has
    // been joined again by then has another revision, and stays.
    this.#bus.send(gatewayLostSubject(gateway), "{}");
    for (let i = 0; i < held.length && expired(); i += EVICT_AT_A_TIME) {
      await Promise.all(held.slice(i, i + EVICT_AT_A_TIME).map((one) => this.#evict(gateway, one)));
    }
  }

  async #evict(
    gateway: string,
    { user, room, revision, turn }: { user: string; room: string; revision: number; turn: number },
  ): Promise<void> {
    const value = { username: "", turn };
    const deleted = await this.#log.write(memberKey(user, gateway, room), value, revision, true);
    if (deleted === null) return;
    await this.#log.caughtUp(deleted);
    await this.#retract(room, user);
  }

  /** Every gateway counts as heard right now. */
  #grantGrace(): void {
    const now = performance.now();
    for (const gateway of this.#lastSeen.keys()) this.#lastSeen.set(gateway, now);
    this.#lastSweep = now;
  }

  /** Puts the user's own key: "joined" where it was not there, else "seen". Gives its revision. */
  async #announce(room: string, user: string, userId: string, username: string): Promise<number> {
    const key = userKey(user, room);
    const known = this.roster.get(room, user);
    let present = known?.announced ?? false;
    let revision = known?.revision ?? 0;
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const change = present ? "seen" : "joined";
      const count = this.roster.count(room) + (present ? 0 : 1);
      const event: PresenceEvent = { change, userId, username, count };
      const written = await this.#log.write(key, event, revision);
      if (written !== null) return written;
      ({ present, revision } = await this.#log.read(key));
    }
    throw new FaultError("unavailable", "presence changes too fast", 1_000);
  }

  /** Deletes the user's own key unless a gateway holds the user. */
  async #retract(room: string, user: string): Promise<void> {
    const key = userKey(user, room);
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const presence = this.roster.get(room, user);
      if (presence === undefined || !presence.announced || presence.gateways.size > 0) return;
      const { userId, username, revision } = presence;
      const count = Math.max(0, this.roster.count(room) - 1);
      const event: PresenceEvent = { change: "left", userId, username, count };
      if (await this.#log.write(key, event, revision, true) !== null) return;
      await this.#log.caughtUp((await this.#log.read(key)).revision);
    }
  }
}

function userKey(user: string, room: string): string {
  return `u.${bucketOf(room)}.${user}.${room}`;
}
