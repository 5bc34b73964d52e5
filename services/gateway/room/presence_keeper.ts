/**
 * Tells the rooms service which users this gateway holds in which rooms: enters before a session
 * does, leaves after the user's last session has, and says it all again whenever the rooms service
 * may have let us go (NATS was gone, or this process was stopped).
 *
 * @module
 */
import {
  GATEWAY_ALIVE,
  GatewayAlive,
  gatewayLostSubject,
  type Grant,
  type Identity,
  RoomsJoin,
  RoomsLeave,
} from "../../contract/mod.ts";
import type { Subscription } from "@nats-io/transport-node";
import * as z from "zod";
import {
  type Bus,
  type Context,
  errorText,
  FaultError,
  publish,
  request,
  subscribe,
} from "../../kit/mod.ts";

/** How often the gateway says that it lives, milliseconds. The lease is 3.5 s by default. */
const ALIVE_MS = 1_000;

/** A beat that comes so late means that the lease may have run out meanwhile, milliseconds. */
const LATE_MS = 2_500;

/** How long a leave may take, milliseconds; it is tried again until it succeeds. */
const REQUEST_TIMEOUT_MS = 2_000;

/**
 * How long each try of a join may take, milliseconds. Two writes to JetStream take about 2; the first
 * is short because an instance that stands still is still given its share of the requests.
 */
const JOIN_TIMEOUTS_MS = [500, 1_000, 2_000, 2_000];

/** Wait before a join is tried again, milliseconds: an instance that dies is replaced in no time. */
const JOIN_RETRY_MS = 250;

/** Wait before a leave that failed is tried again, milliseconds. */
const LEAVE_RETRY_MS = 500;

/** Requests under way at a time while everything is said again. */
const RENEW_AT_A_TIME = 32;

/** Nothing is under way. */
const NOTHING = Promise.resolve();

interface Holding {
  room: string;
  identity: Identity;
  /** Sessions of the user in the room, those that are entering included. */
  sessions: number;
  /** Whether rooms was told (or may have been) that we hold the user. */
  told: boolean;
  /** The request under way for this user and room: they must not overtake each other. */
  busy: Promise<unknown>;
  timer: ReturnType<typeof setTimeout> | undefined;
}

/** See the module's doc. */
export class PresenceKeeper {
  readonly #bus: Bus;
  readonly #gateway: string;
  readonly #lingerMs: number;
  readonly #holdings = new Map<string, Holding>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #lost: Subscription;
  #turn = 0;
  #lastBeat = performance.now();
  #renewing = 0;
  #stopped = false;

  /** `lingerMs`: how long a user whose connection was lost may come back without having left. */
  constructor(bus: Bus, gateway: string, lingerMs: number) {
    this.#bus = bus;
    this.#gateway = gateway;
    this.#lingerMs = lingerMs;
    this.#beat();
    this.#timer = setInterval(() => this.#beat(), ALIVE_MS);
    bus.onReconnect(() => void this.#renewAll());
    this.#lost = subscribe(bus, gatewayLostSubject(gateway), z.unknown(), () => {
      bus.log.warn("rooms had let this gateway go: everybody joins again");
      void this.#renewAll();
    });
  }

  /** How many users are held, counted once a room, those that linger included. */
  get size(): number {
    return this.#holdings.size;
  }

  /**
   * Enters a room for one session. Every success must be paired with one {@link exit}.
   *
   * @throws {FaultError} `forbidden`, or `unavailable` when rooms could not be asked
   */
  async enter(room: string, identity: Identity, context?: Context): Promise<Grant> {
    const holding = this.#holdingOf(room, identity);
    holding.identity = identity;
    holding.sessions++;
    clearTimeout(holding.timer);
    holding.timer = undefined;
    try {
      return await this.#inTurn(holding, async () => {
        const grant = await this.#join(holding, identity, context);
        if (grant.presence !== "off") holding.told = true;
        return grant;
      });
    } catch (error) {
      // A refusal changed nothing there; after anything else it is not known.
      const refused = error instanceof FaultError && error.fault.code === "forbidden";
      if (!refused) holding.told = true;
      this.exit(room, identity, false);
      throw error;
    }
  }

  /**
   * Asks for the grant of a room again, for a user who is held there and has another token now.
   *
   * @throws {FaultError} as {@link enter} does
   */
  async renew(room: string, identity: Identity): Promise<Grant> {
    const holding = this.#holdingOf(room, identity);
    holding.identity = identity;
    return await this.#inTurn(holding, () => this.#join(holding, identity));
  }

  /** One session less. `linger`: the connection was lost, the user may be back in a moment. */
  exit(room: string, identity: Identity, linger: boolean): void {
    const holding = this.#holdings.get(keyOf(room, identity.userId));
    if (holding === undefined || --holding.sessions > 0) return;
    if (!holding.told) return this.#forget(holding);
    const wait = linger ? this.#lingerMs : 0;
    holding.timer = setTimeout(() => void this.#leave(holding), wait);
  }

  /** Stops speaking for this gateway; whom it held leaves when the lease has run out. */
  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#lost.unsubscribe();
    for (const { timer } of this.#holdings.values()) clearTimeout(timer);
  }

  #next(): { turn: number; sentAt: number } {
    return { turn: ++this.#turn, sentAt: Date.now() };
  }

  #holdingOf(room: string, identity: Identity): Holding {
    const key = keyOf(room, identity.userId);
    let holding = this.#holdings.get(key);
    if (holding === undefined) {
      holding = {
        room,
        identity,
        sessions: 0,
        told: false,
        busy: NOTHING,
        timer: undefined,
      };
      this.#holdings.set(key, holding);
    }
    return holding;
  }

  #forget(holding: Holding): void {
    const key = keyOf(holding.room, holding.identity.userId);
    if (this.#holdings.get(key) === holding) this.#holdings.delete(key);
  }

  #inTurn<T>(holding: Holding, work: () => Promise<T>): Promise<T> {
    const result = holding.busy.then(work);
    const busy = result.catch(() => {}).then(() => {
      // One promise for all that rest, not one kept for each user and room.
      if (holding.busy === busy) holding.busy = NOTHING;
    });
    holding.busy = busy;
    return result;
  }

  async #join(holding: Holding, identity: Identity, context?: Context): Promise<Grant> {
    const { room } = holding;
    const { userId, username, rooms } = identity;
    for (const [tried, timeout] of JOIN_TIMEOUTS_MS.entries()) {
      const asked = { room, userId, username, rooms, gateway: this.#gateway, ...this.#next() };
      try {
        return await request(this.#bus, RoomsJoin, asked, { timeout, context });
      } catch (error) {
        const code = error instanceof FaultError ? error.fault.code : undefined;
        const last = tried === JOIN_TIMEOUTS_MS.length - 1;
        if (code !== "unavailable" || last || !this.#bus.connected) throw error;
        await new Promise((resolve) => setTimeout(resolve, JOIN_RETRY_MS));
      }
    }
    throw new FaultError("unavailable", undefined, 1_000);
  }

  async #leave(holding: Holding): Promise<void> {
    await this.#inTurn(holding, async () => {
      if (holding.sessions > 0 || this.#stopped) return;
      const { room, identity: { userId } } = holding;
      try {
        const asked = { room, userId, gateway: this.#gateway, ...this.#next() };
        await request(this.#bus, RoomsLeave, asked, { timeout: REQUEST_TIMEOUT_MS });
        holding.told = false;
        if (holding.sessions === 0) this.#forget(holding);
      } catch (error) {
        this.#bus.log.debug("a leave is tried again", { room, error: errorText(error) });
        if (this.#stopped || holding.sessions > 0) return;
        holding.timer = setTimeout(() => void this.#leave(holding), LEAVE_RETRY_MS);
      }
    });
  }

  #beat(): void {
    const now = performance.now();
    const late = now - this.#lastBeat > LATE_MS;
    try {
      publish(this.#bus, GATEWAY_ALIVE, { gateway: this.#gateway } satisfies GatewayAliveEvent);
    } catch {
      // NATS is gone or takes nothing: that beat is late, and everything is said again with the next.
      return;
    }
    this.#lastBeat = now;
    if (late) void this.#renewAll();
  }

  /** Joins everybody again who is here. Where that fails it is tried again with the next turn. */
  async #renewAll(): Promise<void> {
    const turn = ++this.#renewing;
    const holdings = [...this.#holdings.values()];
    let next = 0;
    const worker = async () => {
      while (next < holdings.length && turn === this.#renewing && !this.#stopped) {
        const holding = holdings[next++]!;
        await this.#inTurn(holding, async () => {
          if (holding.sessions === 0 || !holding.told) return;
          await this.#join(holding, holding.identity);
        }).catch((error) => {
          const fault = error instanceof FaultError ? error.fault : undefined;
          if (fault?.code === "forbidden" || turn !== this.#renewing) return;
          holdings.push(holding);
          return new Promise((resolve) => setTimeout(resolve, LEAVE_RETRY_MS));
        });
      }
    };
    await Promise.all(Array.from({ length: RENEW_AT_A_TIME }, worker));
  }
}

type GatewayAliveEvent = typeof GatewayAlive["_output"];

function keyOf(room: string, userId: string): string {
  return `${room} ${userId}`;
}
