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
import { headers as createHeaders } from "@nats-io/transport-node";
import { jetstream, JetStreamApiError, type JetStreamClient } from "@nats-io/jetstream";
import { type KV, type KvEntry, Kvm } from "@nats-io/kv";
import { bucketOf, PRESENCE_BUCKET, PresenceEvent, subjectToken } from "../contract/mod.ts";
import { type Bus, errorText, FaultError } from "../kit/mod.ts";
import { type KeyChange, memberKey, Roster } from "./roster.ts";

/** JetStream's code for "wrong last sequence": somebody else has written the key meanwhile. */
const WRONG_LAST_SEQUENCE = 10071;

/** Times a compare-and-set is tried anew. Each loss means that somebody else went ahead. */
const MAX_TRIES = 16;

/** How long a half-done change may stand before any instance finishes it, milliseconds. */
const SETTLE_AGE_MS = 1_000;

/** How often leases and half-done changes are looked at, milliseconds. */
const SWEEP_MS = 500;

/**
 * When deletion markers are taken out of the bucket, milliseconds, and how many a sweep. Each costs
 * a request to JetStream; every instance adds up to half of the age, so that mostly one does it.
 */
const PURGE_AGE_MS = 30_000;
const PURGE_BATCH = 256;

/** How long to wait for the own view of the bucket to reach a revision, milliseconds. */
const CATCH_UP_MS = 2_000;

/** Requests that may wait for that at a time. */
const MAX_WAITING = 10_000;

/** Options of {@link openPresence}; times in milliseconds. */
export interface PresenceOptions {
  leaseMs: number;
  maxBytes: number;
}

/**
 * Opens the bucket (making it where it is missing) and follows it.
 *
 * @throws {JetStreamApiError} when the bucket cannot be made
 */
export async function openPresence(bus: Bus, options: PresenceOptions): Promise<Presences> {
  const presences = new Presences(bus, options);
  await presences.follow();
  return presences;
}

/** See the module's doc. */
export class Presences {
  #roster = new Roster();
  readonly #bus: Bus;
  readonly #js: JetStreamClient;
  readonly #options: PresenceOptions;
  readonly #purgeAge = PURGE_AGE_MS * (1 + Math.random() / 2);
  readonly #lastSeen = new Map<string, number>();
  #kv: KV | undefined;
  #waiting: { revision: number; wake: () => void }[] = [];
  #lastSweep = performance.now();
  #sweeping = false;
  #following = false;
  #stopped = false;
  #timer: ReturnType<typeof setInterval> | undefined;

  constructor(bus: Bus, options: PresenceOptions) {
    this.#bus = bus;
    this.#js = jetstream(bus.nats);
    this.#options = options;
    bus.onReconnect(() => this.#grantGrace());
  }

  /** The view of the bucket. Another object after each time that following began anew. */
  get roster(): Roster {
    return this.#roster;
  }

  /** Whether the view is being kept up to date. */
  get following(): boolean {
    return this.#following;
  }

  /** Reads the bucket whole, then goes on following it in the background; starts the sweeps. */
  async follow(): Promise<void> {
    await this.#followOnce();
    this.#timer = setInterval(() => void this.sweep(), SWEEP_MS);
  }

  /** Stops following and sweeping. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
  }

  /** A gateway has said that it lives. */
  alive(gateway: string): void {
    this.#lastSeen.set(gateway, performance.now());
  }

  /**
   * A gateway holds a user in a room from now on. Doing it again changes nothing.
   *
   * @returns the members of the room now, and the revision that has this in it
   * @throws {FaultError} `unavailable` where it could not be stored
   */
  async join(
    room: string,
    userId: string,
    username: string,
    gateway: string,
  ): Promise<{ count: number; revision: number }> {
    const user = subjectToken(userId);
    if (!this.#lastSeen.has(gateway)) this.alive(gateway);
    const held = await this.#write(memberKey(user, gateway, room), { username });
    // Written even where the user is announced already: whoever is about to say that the user has
    // left (having seen no gateway before ours) then loses the compare-and-set.
    const revision = await this.#announce(room, user, userId, username, held);
    const known = this.roster.get(room, user)?.announced === true;
    return { count: this.roster.count(room) + (known ? 0 : 1), revision };
  }

  /** A gateway no longer holds a user in a room. */
  async leave(room: string, userId: string, gateway: string): Promise<void> {
    const user = subjectToken(userId);
    const revision = await this.#write(memberKey(user, gateway, room), null);
    await this.caughtUp(revision);
    await this.#retract(room, user);
  }

  /**
   * Resolves when the view has taken in `revision`.
   *
   * @throws {FaultError} `unavailable` where that takes too long
   */
  async caughtUp(revision: number): Promise<void> {
    if (this.roster.revision >= revision) return;
    if (this.#waiting.length >= MAX_WAITING) throw new FaultError("unavailable", undefined, 1_000);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        this.#waiting = this.#waiting.filter((one) => one !== entry);
        reject(new FaultError("unavailable", "presence is behind", 1_000));
      }, CATCH_UP_MS);
      const entry = {
        revision,
        wake: () => {
          clearTimeout(timer);
          resolve();
        },
      };
      this.#waiting.push(entry);
    });
  }

  /** Lets go of dead gateways' members, finishes what others left half done, tidies up. */
  async sweep(): Promise<void> {
    const now = performance.now();
    // A sweep that comes late means that we were stopped: what the gateways said meanwhile is
    // still in our socket, so their silence proves nothing.
    if (now - this.#lastSweep > SWEEP_MS * 3) this.#grantGrace();
    this.#lastSweep = now;
    if (this.#sweeping || !this.#bus.connected || !this.#following) return;
    this.#sweeping = true;
    try {
      for (const gateway of [...this.roster.gateways()]) await this.#checkLease(gateway);
      for (const gateway of this.#lastSeen.keys()) {
        if (now - this.#lastSeen.get(gateway)! > 10 * this.#options.leaseMs) {
          this.#lastSeen.delete(gateway);
        }
      }
      for (const { user, room } of this.roster.unsettled(SETTLE_AGE_MS, now)) {
        const presence = this.roster.get(room, user);
        if (presence === undefined) continue;
        if (presence.gateways.size === 0) await this.#retract(room, user);
        else await this.#announce(room, user, presence.userId, presence.username, 0);
      }
      await this.#purgeMarkers(now);
    } catch (error) {
      this.#bus.log.warn("a sweep of presence failed", { error: errorText(error) });
    } finally {
      this.#sweeping = false;
    }
  }

  async #purgeMarkers(now: number): Promise<void> {
    const markers = this.roster.takeMarkers(this.#purgeAge, now, PURGE_BATCH);
    if (markers.length === 0) return;
    const { streams } = await this.#js.jetstreamManager();
    for (const { key, revision } of markers) {
      // Only what is older than this: a key that was put again since then stays.
      const filter = `$KV.${PRESENCE_BUCKET}.${key}`;
      await streams.purge(`KV_${PRESENCE_BUCKET}`, { filter, seq: revision + 1 });
    }
  }

  async #checkLease(gateway: string): Promise<void> {
    const expired = () => {
      const seen = this.#lastSeen.get(gateway);
      if (seen === undefined) this.alive(gateway);
      return seen !== undefined && performance.now() - seen > this.#options.leaseMs;
    };
    if (!expired()) return;
    const held = this.roster.heldBy(gateway);
    this.#bus.log.warn("a gateway is gone", { gateway, members: held.length });
    for (let i = 0; i < held.length && expired(); i += 64) {
      await Promise.all(
        held.slice(i, i + 64).map(async ({ user, room }) => {
          const presence = this.roster.get(room, user);
          const revision = presence?.gateways.get(gateway);
          if (presence === undefined || revision === undefined) return;
          // Compare-and-set here too: a gateway that comes back and joins again stays.
          const deleted = await this.#tryWrite(memberKey(user, gateway, room), null, revision);
          if (deleted === null) return;
          await this.caughtUp(deleted);
          await this.#retract(room, user);
        }),
      );
    }
  }

  /** Every gateway counts as heard right now. */
  #grantGrace(): void {
    const now = performance.now();
    for (const gateway of this.#lastSeen.keys()) this.#lastSeen.set(gateway, now);
    this.#lastSweep = now;
  }

  /** Puts the user's own key: "joined" where it was not there, else "seen". Gives its revision. */
  async #announce(
    room: string,
    user: string,
    userId: string,
    username: string,
    least: number,
  ): Promise<number> {
    const key = userKey(user, room);
    let known: { announced: boolean; revision: number } = this.roster.get(room, user) ??
      { announced: false, revision: 0 };
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const change = known.announced ? "seen" : "joined";
      const written = await this.#tryWrite(
        key,
        { change, userId, username } satisfies PresenceEvent,
        known.revision,
      );
      if (written !== null) return Math.max(written, least);
      known = await this.#read(key);
    }
    throw new FaultError("unavailable", "presence changes too fast", 1_000);
  }

  /** Deletes the user's own key unless a gateway holds the user. */
  async #retract(room: string, user: string): Promise<void> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const presence = this.roster.get(room, user);
      if (presence === undefined || !presence.announced || presence.gateways.size > 0) return;
      const { userId, username } = presence;
      const left = { change: "left", userId, username } satisfies PresenceEvent;
      const written = await this.#tryWrite(userKey(user, room), left, presence.revision, true);
      if (written !== null) return;
      const { revision } = await this.#read(userKey(user, room));
      await this.caughtUp(revision);
    }
  }

  async #read(key: string): Promise<{ announced: boolean; revision: number }> {
    const entry = await this.#kv!.get(key);
    return { announced: entry?.operation === "PUT", revision: entry?.revision ?? 0 };
  }

  async #write(key: string, value: object | null): Promise<number> {
    const written = await this.#tryWrite(key, value);
    if (written === null) throw new FaultError("unavailable", undefined, 1_000);
    return written;
  }

  /**
   * Writes a key; null where its last revision is not the expected one. A value of null, or
   * `deleted`, makes it a deletion (with a payload, which key-value clients pass over).
   */
  async #tryWrite(
    key: string,
    value: object | null,
    expected?: number,
    deleted = value === null,
  ): Promise<number | null> {
    const headers = createHeaders();
    if (deleted) headers.set("KV-Operation", "DEL");
    if (!this.#bus.connected) throw new FaultError("unavailable", undefined, 1_000);
    try {
      const ack = await this.#js.publish(
        `$KV.${PRESENCE_BUCKET}.${key}`,
        value === null ? "" : JSON.stringify(value),
        {
          headers,
          retries: 0,
          expect: expected === undefined ? undefined : { lastSubjectSequence: expected },
        },
      );
      return ack.seq;
    } catch (error) {
      if (error instanceof JetStreamApiError && error.code === WRONG_LAST_SEQUENCE) return null;
      throw new FaultError(
        "unavailable",
        `presence could not be stored: ${errorText(error)}`,
        1_000,
      );
    }
  }

  /** Builds a new view; resolves once the bucket's present state is in it. */
  async #followOnce(): Promise<void> {
    const kv = await new Kvm(this.#js).create(PRESENCE_BUCKET, {
      history: 1,
      max_bytes: this.#options.maxBytes,
      republish: { src: `$KV.${PRESENCE_BUCKET}.u.>`, dest: "room.presence.>" },
    });
    const roster = new Roster();
    const watch = await kv.watch();
    const complete = () => {
      if (this.#following) return;
      this.#kv = kv;
      this.#roster = roster;
      this.#following = true;
      this.#wakeWaiting();
    };
    const read = async () => {
      for await (const entry of watch) {
        roster.apply(changeOf(entry), performance.now());
        if (entry.delta === 0) complete();
        if (this.#following) this.#wakeWaiting();
      }
    };
    read().catch((error) => {
      this.#bus.log.warn("following presence failed", { error: errorText(error) });
    }).finally(() => {
      this.#following = false;
      if (!this.#stopped) setTimeout(() => void this.#refollow(), SWEEP_MS);
    });
    // An empty bucket sends nothing that could tell that all of it was sent.
    while (!this.#following && !this.#stopped) {
      if ((await kv.status()).values === 0) complete();
      else await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async #refollow(): Promise<void> {
    try {
      await this.#followOnce();
    } catch (error) {
      this.#bus.log.warn("presence cannot be followed", { error: errorText(error) });
      if (!this.#stopped) setTimeout(() => void this.#refollow(), SWEEP_MS);
    }
  }

  #wakeWaiting(): void {
    const { revision } = this.roster;
    if (!this.#waiting.some((one) => one.revision <= revision)) return;
    const due = this.#waiting.filter((one) => one.revision <= revision);
    this.#waiting = this.#waiting.filter((one) => one.revision > revision);
    for (const { wake } of due) wake();
  }
}

function changeOf(entry: KvEntry): KeyChange {
  const deleted = entry.operation !== "PUT";
  let username = "";
  try {
    if (!deleted) username = entry.json<{ username?: string }>().username ?? "";
  } catch {
    // Not ours; the roster passes over keys that it does not know.
  }
  return { key: entry.key, deleted, revision: entry.revision, username };
}

function userKey(user: string, room: string): string {
  return `u.${bucketOf(room)}.${user}.${room}`;
}
