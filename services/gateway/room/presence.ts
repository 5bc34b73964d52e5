/**
 * Presence on this gateway: states to the others whom it holds, and follows what they state about the
 * rooms that have members here. See PROTOCOL.md, "Presence on the bus".
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import {
  ALIVE_MS,
  GATEWAY_ALIVE,
  GATEWAY_PING,
  type GatewayAlive,
  type Identity,
  isInbox,
  presenceChangeSubject,
  type PresenceState,
  PresenceStatePage,
  PresenceStateRequest,
  presenceStateSubject,
  type RosterPart,
} from "../../contract/mod.ts";
import {
  type Bus,
  LocalFacts,
  PresenceFollower,
  type Roster,
  type RosterListener,
  serve,
} from "../../kit/mod.ts";
import { RosterVerifier } from "./roster_verifier.ts";

/**
 * The shortest time between two rounds of statements, milliseconds. The first change after a pause is
 * stated at once, so that whoever joins next sees it; in a storm changes of a room go out together.
 */
const BATCH_MS = 10;

/**
 * Rooms that are stated at a time. After a mass disconnect the others follow in turns, so that statements
 * do not use up what may be under way to NATS.
 */
const MAX_ROOMS_AT_ONCE = 500;

/** Rounds of statements before the last heartbeat at most. */
const MAX_LAST_TURNS = 100;

/** Longest lease that heartbeats may tell, milliseconds. */
const MAX_LEASE_MS = 600_000;

/** Wait before statements that the bus did not take are sent again, milliseconds. */
const RETRY_MS = 250;

/** Shortest time between two releases of users whose grace period is over, milliseconds. */
const LINGER_TICK_MS = 50;

/** How it works. */
export interface PresenceOptions {
  /** The gateway's id. */
  gateway: string;
  /** How long the facts hold after the last heartbeat, milliseconds. */
  leaseMs: number;
  /** How long a user stays present after its connection was lost, milliseconds. */
  lingerMs: number;
  /** Whether it states which users are connected. */
  connections: boolean;
  /** How many new clients a second this gateway can take. */
  accepts(): number;
}

/** See the module's doc. */
export class Presence {
  readonly #bus: Bus;
  readonly #options: PresenceOptions;
  readonly #facts: LocalFacts;
  readonly #follower: PresenceFollower;
  readonly #verifier: RosterVerifier;
  readonly #subscriptions: Subscription[];
  readonly #timers: ReturnType<typeof setInterval>[];
  #flushedAt = -Infinity;
  #flushing: ReturnType<typeof setTimeout> | undefined;
  #lingerTimer: ReturnType<typeof setTimeout> | undefined;
  #stopped = false;

  constructor(bus: Bus, options: PresenceOptions) {
    const { gateway } = options;
    this.#bus = bus;
    this.#options = options;
    this.#facts = new LocalFacts(gateway, {
      held: (room, fact) => this.#follower.roster(room)?.set(gateway, fact),
      released: (room, userId) => this.#follower.roster(room)?.unset(gateway, userId),
      pending: () => this.#stateSoon(),
      versionOf: (room, userId) => this.#follower.roster(room)?.get(userId)?.v ?? 0,
    });
    this.#follower = new PresenceFollower(bus, {
      own: gateway,
      all: false,
      appeared: () => this.#verifier.verifySoon(),
    });
    this.#verifier = new RosterVerifier(bus, gateway, this.#follower);
    const state = {
      subject: presenceStateSubject(gateway),
      request: PresenceStateRequest,
      reply: PresenceStatePage,
    };
    this.#subscriptions = [
      serve(bus, state, gateway, (query) => this.#facts.page(query)),
      bus.nats.subscribe(GATEWAY_PING, {
        callback: (error, message) => {
          if (error === null && isInbox(message.reply)) {
            message.respond(JSON.stringify(this.#alive()));
          }
        },
      }),
    ];
    this.#beat();
    this.#timers = [
      setInterval(() => this.#beat(), ALIVE_MS),
    ];
    bus.onReconnect(() => {
      this.#beat();
      this.#flushIn(0);
      this.#verifier.verifySoon();
    });
  }

  /** How many facts this gateway states. */
  get size(): number {
    return this.#facts.digest.facts;
  }

  /** One more session of a user is in a room. */
  enter(room: string, { userId, username }: Identity, presence?: PresenceState): void {
    this.#facts.enter(room, userId, username, presence);
  }

  /** One session of a user less. `linger`: the connection was lost, the user may be back soon. */
  exit(room: string, { userId }: Identity, linger: boolean): void {
    const { lingerMs } = this.#options;
    const until = linger && lingerMs > 0 ? performance.now() + lingerMs : undefined;
    this.#facts.exit(room, userId, until);
    if (until !== undefined) this.#releaseAt(until);
  }

  /** Changes the name or the state of a user who is in a room. `presence: null` clears the state. */
  update(
    room: string,
    userId: string,
    change: { username?: string; presence?: PresenceState | null },
  ): void {
    this.#facts.update(room, userId, change);
  }

  /** Follows a room. `listener` gets each change of who is there; call `opened` with the roster. */
  open(room: string, listener: RosterListener): { roster: Roster; subscription: Subscription } {
    const roster = this.#follower.open(room, listener);
    for (const fact of this.#facts.factsOf(room)) roster.set(this.#options.gateway, fact);
    const subscription = this.#follower.listen(presenceChangeSubject(room), () => room);
    return { roster, subscription };
  }

  /** Applies the roster of a room that is being opened. */
  opened(room: string, parts: readonly RosterPart[]): void {
    this.#follower.opened(room, parts);
  }

  /** No longer follows a room. */
  close(room: string): void {
    this.#follower.close(room);
  }

  /**
   * Stops: the facts hold for another grace period, so that users can move to other gateways. The last
   * of them begin to move after `spread` milliseconds.
   */
  stop(spread: number): void {
    this.#stopped = true;
    for (const timer of this.#timers) clearInterval(timer);
    this.#verifier.stop();
    clearTimeout(this.#flushing);
    clearTimeout(this.#lingerTimer);
    for (let turns = 0; this.#facts.pending && turns < MAX_LAST_TURNS; turns++) this.#flush();
    const lease = Math.max(1, Math.min(this.#options.lingerMs + spread, MAX_LEASE_MS));
    this.#publishAlive({ ...this.#alive(), lease, stopping: true });
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
    this.#follower.stop();
  }

  /** Releases lingering users when their grace period ends. No timer runs while nobody lingers. */
  #releaseAt(until: number): void {
    if (this.#lingerTimer !== undefined || this.#stopped) return;
    const wait = Math.max(LINGER_TICK_MS, until - performance.now());
    this.#lingerTimer = setTimeout(() => {
      this.#lingerTimer = undefined;
      const next = this.#facts.tick(performance.now());
      if (next !== undefined) this.#releaseAt(next);
    }, wait);
  }

  #stateSoon(): void {
    const wait = this.#flushedAt + BATCH_MS - performance.now();
    if (wait > 0) return this.#flushIn(wait);
    // After this call: the facts are about to change.
    queueMicrotask(() => this.#flush());
  }

  #flushIn(wait: number): void {
    if (this.#stopped) return;
    this.#flushing ??= setTimeout(() => {
      this.#flushing = undefined;
      this.#flush();
    }, wait);
  }

  #flush(): void {
    this.#flushedAt = performance.now();
    if (!this.#bus.connected) return this.#flushIn(RETRY_MS);
    let failed: string | undefined;
    for (const { room, change } of this.#facts.statements(MAX_ROOMS_AT_ONCE)) {
      if (this.#bus.sendSoon(presenceChangeSubject(room), JSON.stringify(change))) continue;
      failed = room;
      break;
    }
    if (failed !== undefined) this.#facts.failed(failed);
    if (!this.#facts.pending) return;
    clearTimeout(this.#flushing);
    this.#flushing = undefined;
    this.#flushIn(failed === undefined ? BATCH_MS : RETRY_MS);
  }

  #alive(): GatewayAlive {
    const { gateway, leaseMs: lease, connections } = this.#options;
    const common = { gateway, lease, accepts: this.#options.accepts(), connections };
    // Listeners could not have what is not stated yet: they compare with a later heartbeat.
    if (this.#facts.pending) return common;
    const { facts, total: digest } = this.#facts.digest;
    return { ...common, facts, digest };
  }

  /** Publishes the heartbeat, after everything that it counts. */
  #beat(): void {
    this.#flush();
    this.#publishAlive(this.#alive());
  }

  #publishAlive(alive: GatewayAlive): void {
    // In the order of the statements, and even when the bus refuses anything else for want of room.
    this.#bus.sendFirst(GATEWAY_ALIVE, JSON.stringify(alive));
  }
}
