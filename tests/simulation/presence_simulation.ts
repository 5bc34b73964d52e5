/**
 * A deterministic simulation of presence: gateways and rooms instances with the kit's real logic on a
 * simulated bus. Processes are killed, paused and cut off, messages are lost, delayed and repeated, and
 * users come, go and move. A seed decides everything, so a failure can be run again.
 *
 * @module
 */
import { GATEWAY_LEASE_MS } from "../../services/contract/mod.ts";
import { createRandom, type Random } from "../torture/random.ts";
import { VirtualClock } from "./clock.ts";
import { Network, type Node } from "./network.ts";
import { GatewayNode, RoomsNode, type World } from "./presence_nodes.ts";

/** How long the disturbances last, and how long the system then has to agree, milliseconds. */
const STORM_MS = 20_000;
const QUIET_MS = 30_000;

const ROOMS = ["a", "b.c", "d", "e.f.g"];
const USERS = 12;

/** One session of a user in a room on a gateway. */
interface SimulatedSession {
  gateway: GatewayNode;
  room: string;
  user: string;
}

/** What came out of one schedule. */
export interface SimulationResult {
  faults: string[];
  /** Messages delivered, processes killed, and facts at the end. */
  messages: number;
  kills: number;
  facts: number;
}

/** Runs one schedule. */
export async function simulatePresence(seed: number): Promise<SimulationResult> {
  const random = createRandom(seed);
  const clock = new VirtualClock();
  const network = new Network(clock, random);
  const world: World = {
    clock,
    network,
    random,
    gateways: [],
    rooms: [],
    faults: [],
    paused: false,
  };
  let names = 0;
  const addGateway = () => world.gateways.push(new GatewayNode(`g${names++}`, world));
  const addRooms = () => world.rooms.push(new RoomsNode(`r${names++}`, world));
  const count = random.between(2, 5);
  for (let i = 0; i < count; i++) addGateway();
  addRooms();
  addRooms();

  let sessions: SimulatedSession[] = [];
  let kills = 0;
  const nodes = (): Node[] => [...world.gateways, ...world.rooms];
  const kill = <T extends Node>(list: T[], replace: () => void) => {
    const node = random.pick(list);
    node.alive = false;
    list.splice(list.indexOf(node), 1);
    sessions = sessions.filter(({ gateway }) => gateway.alive);
    kills++;
    replace();
    if (node instanceof GatewayNode) watchDead(world, node);
  };
  const disturbances: (() => void)[] = [
    () => kill(world.gateways, addGateway),
    () => kill(world.rooms, addRooms),
    () => {
      world.paused = true;
      random.pick(nodes()).pausedUntil = clock.now + random.between(100, 6_000);
    },
    () => {
      network.part(nodes());
      clock.after(random.between(200, 8_000), () => network.heal());
    },
    () => {
      network.weather = {
        loss: random.next() / 3,
        twice: random.next() / 3,
        delay: random.between(1, network.maxDelay),
      };
      clock.after(random.between(200, 4_000), () => calm(network));
    },
  ];
  const act = () => {
    if (clock.now >= STORM_MS) return;
    sessions = useRooms(world, sessions, random);
    clock.after(random.between(1, 120), act);
  };
  const disturb = () => {
    if (clock.now >= STORM_MS) return;
    random.pick(disturbances)();
    clock.after(random.between(200, 4_000), disturb);
  };
  act();
  clock.after(random.between(500, 3_000), disturb);
  await clock.run(STORM_MS);
  network.heal();
  calm(network);
  await clock.run(STORM_MS + QUIET_MS);
  compare(world, sessions);
  const facts = world.gateways.reduce((sum, gateway) => sum + gateway.facts.digest.facts, 0);
  return { faults: world.faults, messages: network.delivered, kills, facts };
}

function calm(network: Network): void {
  network.weather = { loss: 0, twice: 0, delay: 5 };
}

/** One user does something. */
function useRooms(
  world: World,
  sessions: SimulatedSession[],
  random: Random,
): SimulatedSession[] {
  const session = sessions.length > 0 ? random.pick(sessions) : undefined;
  const paused = (gateway: GatewayNode) => gateway.pausedUntil > world.clock.now;
  const what = random.next();
  if (session === undefined || (what < 0.45 && sessions.length < 60)) {
    const gateway = random.pick(world.gateways);
    if (paused(gateway)) return sessions;
    const [room, user] = [random.pick(ROOMS), `u${random.between(1, USERS)}`];
    gateway.enter(room, user, random.next() < 0.2 ? { status: random.between(0, 9) } : undefined);
    return [...sessions, { gateway, room, user }];
  }
  const { gateway, room, user } = session;
  if (paused(gateway)) return sessions;
  if (what < 0.55) {
    gateway.facts.update(room, user, { presence: { status: random.between(0, 9) } });
    return sessions;
  }
  gateway.exit(room, user, random.next() < 0.5);
  const rest = sessions.filter((one) => one !== session);
  if (what < 0.8) return rest;
  // The user moves to another gateway within the grace period.
  const other = random.pick(world.gateways);
  if (paused(other)) return rest;
  other.enter(room, user);
  return [...rest, { gateway: other, room, user }];
}

/**
 * After the lease of a dead gateway nobody may list its facts, unless a process was paused: one that wakes
 * up gives every gateway another lease, and answers with what it knew.
 */
function watchDead(world: World, dead: GatewayNode): void {
  const { clock, network, gateways, rooms, faults } = world;
  const observers = [...gateways, ...rooms];
  // The lease, that of a roster that was requested at its end, a tick, and messages on their way.
  const deadline = clock.now + 2 * GATEWAY_LEASE_MS + 500 + 2 * network.maxDelay;
  clock.after(deadline - clock.now, () => {
    if (world.paused) return;
    for (const { alive, name, view } of observers) {
      for (const room of alive ? ROOMS : []) {
        if ((view.roster(room)?.sizeOf(dead.name) ?? 0) > 0) {
          faults.push(`${clock.now} ms ${name}: ${room} still lists users of ${dead.name}`);
        }
      }
    }
  });
}

/** Every view must equal the union of what living gateways hold, and what members were told. */
function compare(world: World, sessions: readonly SimulatedSession[]): void {
  const { gateways, rooms, faults } = world;
  const list = (ids: Iterable<string>) => [...new Set(ids)].sort().join();
  for (const room of ROOMS) {
    const present = list(sessions.filter((one) => one.room === room).map(({ user }) => user));
    const held = gateways.flatMap(({ facts }) => [...facts.factsOf(room)]);
    if (list(held.map(({ userId }) => userId)) !== present) {
      faults.push(
        `${room}: gateways hold ${list(held.map(({ userId }) => userId))}, not ${present}`,
      );
    }
    for (const node of [...gateways, ...rooms]) {
      const roster = node.view.roster(room);
      if (roster === undefined && (node instanceof GatewayNode || present === "")) continue;
      const { members } = roster?.page(undefined, 1_000) ?? { members: [] };
      const listed = members.map(({ userId }) => userId).join();
      if (listed !== present) faults.push(`${node.name}: ${room} lists ${listed}, not ${present}`);
      for (const member of members) {
        const best = held.filter(({ userId }) => userId === member.userId);
        const v = Math.max(...best.map((fact) => fact.v));
        if (member.v !== v) {
          faults.push(`${node.name}: ${room}: ${member.userId} has v ${member.v}, not ${v}`);
        }
      }
      if (node instanceof GatewayNode && list(node.told.get(room) ?? []) !== present) {
        faults.push(
          `${node.name}: ${room}: told ${list(node.told.get(room) ?? [])}, not ${present}`,
        );
      }
    }
  }
  for (const { name, view } of [...gateways, ...rooms]) {
    const { loading, gateways: known } = view.size;
    if (loading > 0) faults.push(`${name}: ${loading} requests never ended`);
    if (known > gateways.length) faults.push(`${name}: knows ${known} gateways`);
  }
}
