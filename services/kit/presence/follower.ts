/**
 * Follows presence on the bus: feeds a {@link PresenceView} with what gateways state, requests what it
 * lacks, and lets leases end.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import {
  GATEWAY_ALIVE,
  GatewayAlive,
  isDelivery,
  PresenceChange,
  PresenceStatePage,
  PresenceStateRequest,
  presenceStateSubject,
  type RosterPart,
} from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";
import { subscribe } from "../endpoints.ts";
import { errorText } from "../log.ts";
import { request } from "../requests.ts";
import { PresenceView } from "./presence_view.ts";
import type { Roster, RosterListener } from "./roster.ts";
import { readState } from "./state_reader.ts";
import type { RoomListener } from "./view_host.ts";

/** How often leases are checked, milliseconds. */
const TICK_MS = 500;

/** A check that comes so late means that this process was paused, milliseconds. */
const LATE_MS = 3 * TICK_MS;

/** States that are requested at a time; the rest waits. */
const MAX_REQUESTS = 32;

/** How long one page of a state may take, milliseconds, and how often a page is requested. */
const PAGE_TIMEOUT_MS = 2_000;
const PAGE_TRIES = 3;

/** Wait before a page is requested again, milliseconds, doubled each time; half of it is random. */
const PAGE_RETRY_MS = 200;

/** How a follower works. */
export interface FollowerOptions {
  /** The own gateway, whose statements are known already. */
  own?: string;
  /** Whether all rooms are followed, or only those that are opened. */
  all: boolean;
  /** Told each change of who is in any room, if all are followed. */
  changed?: RoomListener | undefined;
  /** Told when a gateway with facts appears that was not known, or whose lease had ended. */
  appeared?: (gateway: string) => void;
}

/** See the module's doc. */
export class PresenceFollower {
  readonly #bus: Bus;
  readonly #own: string;
  readonly #view: PresenceView;
  readonly #alive: Subscription;
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #forget: () => void;
  readonly #waiting: (() => Promise<void>)[] = [];
  /** The start of the own gateway's statements as JSON: they need not be parsed. */
  readonly #ownStart: Uint8Array;
  #requests = 0;
  #lastTick = performance.now();
  #stopped = false;

  /** Listens to heartbeats from now on. */
  constructor(bus: Bus, options: FollowerOptions) {
    this.#bus = bus;
    this.#own = options.own ?? "";
    this.#ownStart = new TextEncoder().encode(`{"gateway":"${this.#own}"`);
    this.#view = new PresenceView({
      requestRoom: (gateway, room) =>
        this.#request(gateway, { room }, (state) => {
          const facts = state?.rooms[0] ?? { room, n: 0, users: [] };
          this.#view.loaded(gateway, room, state && { ...facts, asOf: state.asOf });
        }),
      requestDigests: (gateway) =>
        this.#request(gateway, { buckets: [] }, (state) => {
          this.#view.digests(gateway, state?.digests ?? null);
        }),
      requestBuckets: (gateway, buckets) =>
        this.#request(gateway, { buckets }, (state) => {
          this.#view.bulkLoaded(gateway, buckets, state);
        }),
      appeared: options.appeared ?? (() => {}),
      expired: (gateway, facts, stopped) => {
        if (stopped) return bus.log.info("a gateway has stopped", { gateway, facts });
        bus.log.warn("a gateway's lease has ended, its members have left", { gateway, facts });
      },
    }, options);
    this.#alive = subscribe(bus, GATEWAY_ALIVE, GatewayAlive, (alive) => this.heard(alive));
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
    this.#forget = bus.onReconnect(() => this.#view.grace(performance.now()));
  }

  /** Rooms with a roster, gateways known, and states that are being requested. */
  get size(): { rooms: number; gateways: number; loading: number } {
    return this.#view.size;
  }

  /** The gateways whose lease has not ended. */
  get gateways(): readonly string[] {
    return this.#view.gateways;
  }

  /** The rooms that have a roster. */
  rooms(): Iterable<string> {
    return this.#view.rooms();
  }

  /** The roster of a room; undefined if the room is not followed, or empty and not opened. */
  roster(room: string): Roster | undefined {
    return this.#view.roster(room);
  }

  /** Follows a room; see {@link PresenceView.open}. */
  open(room: string, listener: RosterListener): Roster {
    return this.#view.open(room, listener);
  }

  /** See {@link PresenceView.opened}. */
  opened(room: string, parts: readonly RosterPart[]): void {
    this.#view.opened(room, parts, performance.now());
  }

  /** No longer follows a room. */
  close(room: string): void {
    this.#view.close(room);
  }

  /** See {@link PresenceView.reconcile}. */
  reconcile(room: string, before: number, theirs: ReadonlyMap<string, number>): void {
    this.#view.reconcile(room, before, theirs, this.#own);
  }

  /** A gateway says that it is alive. */
  heard(alive: GatewayAlive): void {
    this.#view.alive(alive, performance.now());
  }

  /** Whether a gateway has told its state at least once. Only in a view of all rooms. */
  compared(gateway: string): boolean {
    return this.#view.compared(gateway);
  }

  /** Listens to statements on a subject; `roomOf` tells the room of a statement's subject. */
  listen(subject: string, roomOf: (subject: string) => string): Subscription {
    return this.#bus.nats.subscribe(subject, {
      callback: (error, message) => {
        if (error !== null || isDelivery(message.reply)) return;
        if (startsWith(message.data, this.#ownStart)) return;
        let value: unknown;
        try {
          value = message.json();
        } catch {
          value = undefined;
        }
        const parsed = PresenceChange.safeParse(value);
        if (parsed.success) {
          this.#view.change(roomOf(message.subject), parsed.data, performance.now());
        } else {
          this.#bus.log.warn("ignored an invalid statement about presence", {
            subject: message.subject,
          });
        }
      },
    });
  }

  /** Stops following. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    // The connection outlives this view, and would keep it.
    this.#forget();
    this.#alive.unsubscribe();
    this.#waiting.length = 0;
  }

  #tick(): void {
    const now = performance.now();
    const late = now - this.#lastTick > LATE_MS;
    this.#lastTick = now;
    // What gateways said meanwhile may still wait in our socket, so their silence proves nothing.
    if (late || !this.#bus.connected) return this.#view.grace(now);
    this.#view.tick(now);
  }

  /** Requests a state when it is its turn. `done` gets null if the gateway does not answer. */
  #request(
    gateway: string,
    query: PresenceStateRequest,
    done: (state: PresenceStatePage | null) => void,
  ): void {
    const work = async () => {
      const alive = this.#view.isAlive(gateway);
      done(alive ? await readState(query, (page) => this.#page(gateway, page)) : null);
    };
    // One comparison mends what many requests for single rooms would.
    if (query.room === undefined) this.#waiting.unshift(work);
    else this.#waiting.push(work);
    this.#next();
  }

  #next(): void {
    while (this.#requests < MAX_REQUESTS && this.#waiting.length > 0) {
      this.#requests++;
      const work = this.#waiting.shift()!;
      void work().finally(() => {
        this.#requests--;
        this.#next();
      });
    }
  }

  async #page(gateway: string, query: PresenceStateRequest): Promise<PresenceStatePage | null> {
    const endpoint = {
      subject: presenceStateSubject(gateway),
      request: PresenceStateRequest,
      reply: PresenceStatePage,
    };
    for (let tries = 0; tries < PAGE_TRIES && !this.#stopped; tries++) {
      if (tries > 0) {
        const wait = PAGE_RETRY_MS * 2 ** (tries - 1) * (0.5 + Math.random() / 2);
        await new Promise((resolve) => setTimeout(resolve, wait));
        if (!this.#view.isAlive(gateway)) return null;
      }
      try {
        return await request(this.#bus, endpoint, query, { timeout: PAGE_TIMEOUT_MS });
      } catch (error) {
        this.#bus.log.debug("a gateway did not tell its state", {
          gateway,
          error: errorText(error),
        });
      }
    }
    return null;
  }
}

function startsWith(data: Uint8Array, start: Uint8Array): boolean {
  if (data.length < start.length) return false;
  for (let i = start.length - 1; i >= 0; i--) if (data[i] !== start[i]) return false;
  return true;
}
