/**
 * The processes of the presence simulation: gateways and rooms instances, with the real logic of the
 * kit and a simulated bus between them. What the services do around that logic (publish, request,
 * tick) is done here in the same way.
 *
 * @module
 */
import {
  ALIVE_MS,
  GATEWAY_LEASE_MS,
  type GatewayAlive,
  type PresenceChange,
  type PresenceStatePage,
  type PresenceStateRequest,
  type RosterPart,
} from "../../services/contract/mod.ts";
import {
  fingerprintOf,
  LocalFacts,
  PresenceView,
  readState,
  rosterParts,
  type ViewHost,
} from "../../services/kit/presence/mod.ts";
import type { Random } from "../torture/random.ts";
import type { VirtualClock } from "./clock.ts";
import type { Network, Node } from "./network.ts";

/** How long statements wait for others to go out with, milliseconds. */
const BATCH_MS = 10;

/** How often leases are checked, and how late a check may be without the process having been paused. */
const TICK_MS = 500;
const LATE_MS = 1_500;

/** How long a request may take, milliseconds. */
const TIMEOUT_MS = 1_000;

/** How often a gateway compares its rosters with rooms, milliseconds. */
const VERIFY_MS = 8_000;

/** How long a lost connection's user may come back, milliseconds. */
const LINGER_MS = 2_000;

/** What all nodes share. */
export interface World {
  clock: VirtualClock;
  network: Network;
  random: Random;
  gateways: GatewayNode[];
  rooms: RoomsNode[];
  /** What went against the promises. */
  faults: string[];
  /** Whether any process was paused so far. */
  paused: boolean;
}

/** What both kinds of nodes do. */
abstract class PresenceNode implements Node {
  readonly name: string;
  readonly world: World;
  readonly view: PresenceView;
  alive = true;
  pausedUntil = 0;
  #lastTick = 0;

  constructor(name: string, world: World, all: boolean) {
    this.name = name;
    this.world = world;
    this.#lastTick = world.clock.now;
    const host: ViewHost = {
      requestRoom: (gateway, room) => {
        void this.readAll(gateway, { room }).then((state) =>
          this.view.loaded(
            gateway,
            room,
            state && { ...state.rooms[0] ?? none(room), asOf: state.asOf },
          )
        );
      },
      requestDigests: (gateway) => {
        void this.readAll(gateway, { buckets: [] }).then((state) =>
          this.view.digests(gateway, state?.digests ?? null)
        );
      },
      requestBuckets: (gateway, buckets) => {
        void this.readAll(gateway, { buckets }).then((state) =>
          this.view.bulkLoaded(gateway, buckets, state)
        );
      },
      appeared: () => this.appeared(),
      expired: () => {},
    };
    this.view = new PresenceView(host, { own: all ? undefined : name, all });
    this.every(TICK_MS, () => this.tick());
  }

  /** Runs something again and again while the process lives; late after a pause, once. */
  every(period: number, run: () => void): void {
    this.world.clock.after(period, () => {
      if (!this.alive) return;
      const { now } = this.world.clock;
      if (this.pausedUntil > now) {
        this.world.clock.after(this.pausedUntil - now, () => {
          if (!this.alive) return;
          run();
          this.every(period, run);
        });
        return;
      }
      run();
      this.every(period, run);
    });
  }

  /** Calls another process; null if no answer came in time. */
  call<T>(to: Node | undefined, answer: () => T | null): Promise<T | null> {
    const { clock, network } = this.world;
    return new Promise((resolve) => {
      clock.after(TIMEOUT_MS, () => resolve(null));
      if (to === undefined) return;
      network.send(this, to, () => {
        const reply = answer();
        network.send(to, this, () => resolve(reply));
      });
    });
  }

  readAll(gateway: string, request: PresenceStateRequest): Promise<PresenceStatePage | null> {
    const to = this.world.gateways.find(({ name }) => name === gateway);
    return readState(request, async (query) => {
      const page = await this.call(to, () => to!.facts.page(query));
      return page === null ? null : structuredClone(page);
    });
  }

  tick(): void {
    const { now } = this.world.clock;
    if (now - this.#lastTick > LATE_MS) this.view.grace(now);
    this.#lastTick = now;
    this.view.tick(now);
  }

  abstract appeared(): void;
}

/** A rooms instance. */
export class RoomsNode extends PresenceNode {
  constructor(name: string, world: World) {
    super(name, world, true);
  }

  appeared(): void {}

  /** The answer to a join. */
  join(room: string, gateway: string): RosterPart[] {
    return structuredClone(rosterParts(this.view.roster(room), gateway, { bytes: 100_000 }));
  }
}

/** A gateway with its users. */
export class GatewayNode extends PresenceNode {
  readonly facts: LocalFacts;
  /** The users that each room's members here have been told of. */
  readonly told = new Map<string, Set<string>>();
  /** Rooms that are being opened. */
  readonly opening = new Set<string>();
  #statementsDue = false;
  #wantsVerify = false;

  constructor(name: string, world: World) {
    super(name, world, false);
    this.facts = new LocalFacts(name, {
      held: (room, fact) => this.view.roster(room)?.set(name, fact),
      released: (room, userId) => this.view.roster(room)?.unset(name, userId),
      pending: () => {
        if (this.#statementsDue) return;
        this.#statementsDue = true;
        world.clock.after(BATCH_MS, () => this.flush());
      },
      versionOf: (room, userId) => this.view.roster(room)?.get(userId)?.v ?? 0,
    });
    this.every(ALIVE_MS, () => this.beat());
    this.every(100, () => void this.facts.tick(world.clock.now));
    this.every(VERIFY_MS, () => void this.verify());
  }

  /** A session of a user enters a room. The first one of the room opens it. */
  enter(room: string, userId: string, presence?: Record<string, unknown>): void {
    if (this.view.roster(room) === undefined) this.#open(room);
    this.facts.enter(room, userId, userId.toUpperCase(), presence);
  }

  /** A session leaves; `lost`: its connection was lost. */
  exit(room: string, userId: string, lost: boolean): void {
    this.facts.exit(room, userId, lost ? this.world.clock.now + LINGER_MS : undefined);
  }

  #open(room: string): void {
    const told = new Set<string>();
    this.told.set(room, told);
    this.opening.add(room);
    const roster = this.view.open(room, (event, { userId }) => {
      if (event === "joined" && told.has(userId)) this.#fault(`${room}: ${userId} joined twice`);
      if (event === "left" && !told.has(userId)) this.#fault(`${room}: ${userId} left twice`);
      if (event === "joined") told.add(userId);
      if (event === "left") told.delete(userId);
    });
    for (const fact of this.facts.factsOf(room)) roster.set(this.name, fact);
    const ask = async () => {
      const to = this.world.random.pick(this.world.rooms);
      const parts = await this.call(to, () => to.join(room, this.name));
      if (!this.alive) return;
      if (parts === null) return void ask();
      this.opening.delete(room);
      this.view.opened(room, parts, this.world.clock.now);
    };
    void ask();
  }

  #fault(what: string): void {
    this.world.faults.push(`${this.world.clock.now.toFixed(0)} ms ${this.name}: ${what}`);
  }

  /** Publishes what is due. */
  flush(): void {
    if (!this.alive) return;
    const { clock } = this.world;
    if (this.pausedUntil > clock.now) {
      return clock.after(this.pausedUntil - clock.now, () => this.flush());
    }
    this.#statementsDue = false;
    for (const { room, change } of this.facts.statements()) this.#publish(room, change);
  }

  #publish(room: string, change: PresenceChange): void {
    const copy = structuredClone(change);
    for (const node of [...this.world.gateways, ...this.world.rooms]) {
      if (node === this) continue;
      this.world.network.send(
        this,
        node,
        () => node.view.change(room, copy, this.world.clock.now),
      );
    }
  }

  /** Publishes the heartbeat. */
  beat(): void {
    this.flush();
    const { digest: { facts, total } } = this.facts;
    const alive: GatewayAlive = {
      gateway: this.name,
      lease: GATEWAY_LEASE_MS,
      facts,
      digest: total,
    };
    for (const node of [...this.world.gateways, ...this.world.rooms]) {
      if (node === this) continue;
      this.world.network.send(this, node, () => node.view.alive(alive, this.world.clock.now));
    }
  }

  appeared(): void {
    if (this.#wantsVerify) return;
    this.#wantsVerify = true;
    this.world.clock.after(2_000, () => {
      this.#wantsVerify = false;
      if (this.alive) void this.verify();
    });
  }

  /** Compares the rosters with a rooms instance, and requests what differs from the gateways. */
  async verify(): Promise<void> {
    const to = this.world.random.pick(this.world.rooms);
    const asked = [...this.view.rooms()].map((room) => ({
      room,
      fingerprint: fingerprintOf(this.view.roster(room), this.name),
    }));
    const differ = await this.call(
      to,
      () =>
        asked.filter(({ room, fingerprint }) =>
          fingerprintOf(to.view.roster(room), this.name) !== fingerprint
        ).map(({ room }) => ({ room, gateways: [...to.view.roster(room)?.numbers() ?? []] })),
    );
    for (const { room, gateways } of differ ?? []) {
      const before = asked.find((one) => one.room === room)!.fingerprint;
      this.view.reconcile(room, before, new Map(gateways), this.name);
    }
  }
}

function none(room: string) {
  return { room, n: 0, users: [] };
}
