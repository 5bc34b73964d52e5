/**
 * What a listener knows about presence: a roster for each room that it follows, derived from what
 * gateways state. It notices missed statements by their numbers and asks for the state, and drops the
 * facts of a gateway whose lease has ended. No I/O and no clock of its own.
 *
 * @module
 */
import {
  bucketOf,
  type GatewayAlive,
  type PresenceChange,
  type PresenceStatePage,
  type RoomFacts,
  type RosterPart,
} from "../../contract/mod.ts";
import { Comparisons } from "./comparisons.ts";
import { fingerprintOf } from "./fingerprint.ts";
import { Leases } from "./leases.ts";
import { Roster, type RosterListener } from "./roster.ts";
import type { RoomListener, ViewHost, ViewOptions } from "./view_host.ts";

/** Statements that wait for one state at most; more are read with the state. */
const MAX_WAITING = 4_096;

/** The most states that may be requested at a time. The next comparison finds the others. */
const MAX_LOADS = 10_000;

/** The lease of a gateway that only rooms has told of: a heartbeat and a half, milliseconds. */
const UNCONFIRMED_LEASE_MS = 1_500;

/** See the module's doc. As large as there are facts in the rooms that it follows. */
export class PresenceView {
  readonly #host: ViewHost;
  readonly #own: string | undefined;
  readonly #all: boolean;
  readonly #changed: RoomListener | undefined;
  readonly #rosters = new Map<string, Roster>();
  readonly #leases = new Leases();
  readonly #comparisons = new Comparisons();
  /** Gateways that have said that they stop; their leases end soon. */
  readonly #stopping = new Set<string>();
  /** Statements that wait: for the opening of a room, or for the state of a gateway in a room. */
  readonly #opening = new Map<string, PresenceChange[]>();
  readonly #loading = new Map<string, PresenceChange[]>();

  /** Knows nothing at first. */
  constructor(host: ViewHost, options: ViewOptions) {
    this.#host = host;
    this.#own = options.own;
    this.#all = options.all;
    this.#changed = options.changed;
  }

  /** Rooms with a roster, gateways known, and states that are being requested. */
  get size(): { rooms: number; gateways: number; loading: number } {
    return {
      rooms: this.#rosters.size,
      gateways: this.#leases.size,
      loading: this.#loading.size,
    };
  }

  /** The gateways whose lease has not ended, but the listener's own. */
  get gateways(): string[] {
    return [...this.#leases.gateways()];
  }

  /** The roster of a room; undefined if the room is not followed, or empty and not opened. */
  roster(room: string): Roster | undefined {
    return this.#rosters.get(room);
  }

  /** Whether a gateway's lease has not ended. */
  isAlive(gateway: string): boolean {
    return this.#leases.has(gateway);
  }

  /** The rooms that have a roster. */
  rooms(): Iterable<string> {
    return this.#rosters.keys();
  }

  /** Follows a room from now on. Statements wait until {@link opened}. */
  open(room: string, listener: RosterListener): Roster {
    const roster = this.#rosterOf(room, listener);
    this.#opening.set(room, []);
    return roster;
  }

  /**
   * The present facts of an opening room are known. The state of a gateway whose part has no users is
   * requested from the gateway.
   */
  opened(room: string, parts: readonly RosterPart[], now: number): void {
    const waiting = this.#opening.get(room);
    const roster = this.#rosters.get(room);
    if (waiting === undefined || roster === undefined) return;
    this.#opening.delete(room);
    for (const { gateway, n, users } of parts) {
      if (gateway === this.#own) continue;
      // Another's word renews no lease. If the gateway lives, its next heartbeat does.
      if (!this.#leases.has(gateway)) {
        this.#leases.heard(gateway, now, UNCONFIRMED_LEASE_MS);
        this.#host.appeared(gateway);
      }
      if (users === undefined) this.#load(gateway, room, []);
      else roster.load(gateway, { n, users });
    }
    for (const change of waiting) this.#apply(room, roster, change);
    if (waiting.length >= MAX_WAITING) {
      for (const gateway of this.#leases.gateways()) this.#load(gateway, room, []);
    }
  }

  /** No longer follows a room. */
  close(room: string): void {
    this.#opening.delete(room);
    this.#rosters.delete(room);
  }

  /** A statement about a room has come. `now` is a monotonic time in milliseconds. */
  change(room: string, change: PresenceChange, now: number): void {
    const { gateway } = change;
    if (gateway === this.#own) return;
    // With its first statement it is new, and nothing of it can have been missed.
    if (this.#leases.heard(gateway, now) && change.n > 1) this.#host.appeared(gateway);
    const roster = this.#rosters.get(room) ?? (this.#all ? this.#rosterOf(room) : undefined);
    if (roster === undefined) return;
    const opening = this.#opening.get(room);
    if (opening === undefined) this.#apply(room, roster, change);
    else if (opening.length < MAX_WAITING) opening.push(change);
    this.#tidy(room, roster);
  }

  /** A gateway says that it is alive. */
  alive(alive: GatewayAlive, now: number): void {
    const { gateway, lease, facts, stopping } = alive;
    if (gateway === this.#own) return;
    if (stopping === true) this.#stopping.add(gateway);
    if (this.#leases.heard(gateway, now, lease) && facts !== 0) this.#host.appeared(gateway);
    if (this.#all && this.#comparisons.begin(alive, now)) this.#host.requestDigests(gateway);
  }

  /** Whether a gateway has told its state at least once. Only in a view of all rooms. */
  compared(gateway: string): boolean {
    return this.#comparisons.answered(gateway);
  }

  /** The answer to {@link ViewHost.requestRoom}; null if there is none. */
  loaded(gateway: string, room: string, state: RoomFacts & { asOf: number } | null): void {
    const key = keyOf(gateway, room);
    const waiting = this.#loading.get(key) ?? [];
    this.#loading.delete(key);
    // A gateway whose lease ended meanwhile states nothing any more.
    if (state === null || !this.#leases.has(gateway)) return;
    const roster = this.#rosters.get(room) ?? (this.#all ? this.#rosterOf(room) : undefined);
    if (roster === undefined) return;
    this.#take(roster, gateway, state, state.asOf);
    for (const change of waiting) {
      // The state includes all statements up to `asOf`, whether it lists anybody or not.
      if (change.n > state.asOf) this.#apply(room, roster, change);
    }
    this.#tidy(room, roster);
  }

  /** The answer to {@link ViewHost.requestDigests}; null if there is none. */
  digests(gateway: string, digests: readonly number[] | null): void {
    if (!this.#leases.has(gateway)) return;
    const differing = digests === null ? [] : this.#comparisons.differing(gateway, digests);
    if (differing.length === 0) this.#comparisons.ended(gateway, digests !== null);
    else this.#host.requestBuckets(gateway, differing);
  }

  /**
   * The answer to {@link ViewHost.requestBuckets}: all rooms of these buckets that the gateway states
   * anything about, as of its statement `asOf` at the earliest; null if there is none.
   */
  bulkLoaded(
    gateway: string,
    buckets: readonly number[],
    state: Pick<PresenceStatePage, "asOf" | "rooms"> | null,
  ): void {
    if (!this.#leases.has(gateway)) return;
    this.#comparisons.ended(gateway, state !== null);
    if (state === null) return;
    const wanted = new Set(buckets);
    const stated = new Set<string>();
    for (const facts of state.rooms) {
      stated.add(facts.room);
      const roster = this.#rosterOf(facts.room);
      this.#take(roster, gateway, facts, state.asOf);
      this.#tidy(facts.room, roster);
    }
    for (const [room, roster] of [...this.#rosters]) {
      if (stated.has(room) || !wanted.has(bucketOf(room))) continue;
      this.#take(roster, gateway, { n: 0, users: [] }, state.asOf);
      this.#tidy(room, roster);
    }
  }

  /**
   * Another listener has other statements about a room: requests the state of each gateway whose number
   * differs. `before` is the fingerprint that was compared; if it has changed since, nothing is known.
   */
  reconcile(
    room: string,
    before: number,
    theirs: ReadonlyMap<string, number>,
    own: string,
  ): void {
    const roster = this.#rosters.get(room);
    if (roster === undefined || this.#opening.has(room)) return;
    if (fingerprintOf(roster, own) !== before) return;
    const gateways = new Set([...theirs.keys(), ...[...roster.numbers()].map(([name]) => name)]);
    for (const gateway of gateways) {
      if (gateway === own || roster.numberOf(gateway) === (theirs.get(gateway) ?? 0)) continue;
      // Its lease may have ended here alone; if it does not live, it does not answer.
      if (this.#leases.has(gateway)) this.#load(gateway, room, []);
    }
  }

  /** Drops the facts of gateways whose lease has ended. */
  tick(now: number): void {
    for (const gateway of this.#leases.expire(now)) {
      let facts = 0;
      for (const [room, roster] of [...this.#rosters]) {
        facts += roster.sizeOf(gateway);
        roster.drop(gateway);
        this.#loading.delete(keyOf(gateway, room));
        this.#tidy(room, roster);
      }
      this.#comparisons.drop(gateway);
      this.#host.expired(gateway, facts, this.#stopping.delete(gateway));
    }
  }

  /** Renews every lease: this process was paused or disconnected, so silence proves nothing. */
  grace(now: number): void {
    this.#leases.renewAll(now);
  }

  #apply(room: string, roster: Roster, change: PresenceChange): void {
    // A statement may have waited for longer than its gateway's lease.
    if (!this.#leases.has(change.gateway)) return;
    const waiting = this.#loading.get(keyOf(change.gateway, room));
    if (waiting !== undefined) {
      if (waiting.length < MAX_WAITING) waiting.push(change);
    } else if (roster.apply(change) === "gap") {
      this.#load(change.gateway, room, [change]);
    }
  }

  #load(gateway: string, room: string, waiting: PresenceChange[]): void {
    const key = keyOf(gateway, room);
    if (this.#loading.has(key) || this.#loading.size >= MAX_LOADS) return;
    this.#loading.set(key, waiting);
    this.#host.requestRoom(gateway, room);
  }

  /** Takes the state of a gateway in a room, unless later statements are included already. */
  #take(
    roster: Roster,
    gateway: string,
    { n, users }: Pick<RoomFacts, "n" | "users">,
    asOf: number,
  ): void {
    const included = roster.numberOf(gateway);
    if (users.length === 0 ? included <= asOf : included <= n) roster.load(gateway, { n, users });
  }

  #rosterOf(room: string, listener?: RosterListener): Roster {
    let roster = this.#rosters.get(room);
    if (roster === undefined) {
      const changed = this.#changed;
      const heard = listener ?? (changed && ((event, fact) => changed(room, event, fact)));
      roster = new Roster(heard, this.#all ? this.#comparisons.count : undefined, room);
      this.#rosters.set(room, roster);
    }
    return roster;
  }

  /** A view of all rooms keeps no empty ones. */
  #tidy(room: string, roster: Roster): void {
    if (this.#all && roster.empty) this.#rosters.delete(room);
  }
}

function keyOf(gateway: string, room: string): string {
  return `${gateway} ${room}`;
}
