/**
 * What is measured, each against any target.
 *
 * @module
 */
import { Histogram } from "./histogram.ts";
import { cpuOf, rssOf, usageOf } from "./processes.ts";
import { type Drive, type Ramp, ramp, runStep, type Step } from "./rate.ts";
import { clock, type Connection, stamp, Swarm } from "./swarm.ts";
import { handshake, type Target } from "./targets.ts";

/** How long connecting may take, milliseconds. */
const CONNECT_MS = 120_000;

/** How large things are: the sizes that are reported, and small ones to see that all of it works. */
export interface Sizes {
  seconds: number;
  maxSteps: number;
  hotMembers: number;
  rooms: number;
  roomMembers: number;
  manyRooms: number;
  idle: number;
  storm: number;
  publishers: number;
  comingBack: number;
  missed: number;
  /** Seconds of churn, and clients that are there at a time. */
  churn: number;
  churning: number;
  /** Turns in which tracing is compared. */
  tracingTurns: number;
}

export const FULL: Sizes = {
  seconds: 4,
  maxSteps: 14,
  hotMembers: 1_000,
  rooms: 200,
  roomMembers: 5,
  manyRooms: 1_000,
  idle: 10_000,
  storm: 5_000,
  publishers: 100,
  comingBack: 1_000,
  missed: 200,
  churn: 60,
  churning: 500,
  tracingTurns: 5,
};

export const QUICK: Sizes = {
  seconds: 1,
  maxSteps: 2,
  hotMembers: 50,
  rooms: 5,
  roomMembers: 3,
  manyRooms: 10,
  idle: 100,
  storm: 100,
  publishers: 10,
  comingBack: 20,
  missed: 10,
  churn: 2,
  churning: 20,
  tracingTurns: 1,
};

/** Clients in rooms: `rooms` by `members`, each in one room. */
export interface Crowd extends Disposable {
  swarm: Swarm;
  target: Target;
  connections: Connection[];
  roomOf(connection: Connection): string;
  /** The last frame of each client that answered its subscribe. */
  subscribed: string[];
}

/** Connects clients and has each enter its room. */
export async function gather(target: Target, rooms: number, members: number): Promise<Crowd> {
  const swarm = new Swarm();
  const count = rooms * members;
  const requests = await Promise.all(
    Array.from({ length: count }, (_, index) => handshake(`user-${index}`)),
  );
  const roomOf = ({ index }: Connection) => `bench.room-${index % rooms}`;
  const subscribed: string[] = [];
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) {
      swarm.send(connection, target.subscribe(roomOf(connection)));
    } else if (text.startsWith('{"type":"subscribed"')) subscribed[connection.index] = text;
    else if (text.startsWith('{"type":"error"')) throw new Error(`the server refused: ${text}`);
  };
  try {
    await swarm.openAll(
      count,
      (index) => swarm.open(target.port, requests[index]!),
      ({ index }) => subscribed[index] !== undefined,
      CONNECT_MS,
    );
  } catch (error) {
    swarm[Symbol.dispose]();
    throw error;
  }
  swarm.onText = () => {};
  return {
    swarm,
    target,
    connections: [...swarm.connections],
    roomOf,
    subscribed,
    [Symbol.dispose]: () => swarm[Symbol.dispose](),
  };
}

/** A drive in which the clients say something in turn, `senders` of them. */
export function talk(crowd: Crowd, senders: number, acks: boolean, seconds: number): Drive {
  const { swarm, target, connections } = crowd;
  const rooms = new Set(connections.map(crowd.roomOf)).size;
  const names = connections.map(crowd.roomOf);
  return {
    target,
    swarm,
    fanOut: connections.length / rooms,
    seconds,
    send(n, due) {
      const connection = connections[n % senders]!;
      const time = stamp(due);
      const id = acks ? `${time}-${n.toString(36)}` : undefined;
      // About as long as what people say.
      const content = `the quick brown fox jumps over the lazy dog, and so on ${time}`;
      swarm.send(connection, target.message(names[connection.index]!, id, content));
    },
  };
}

/** The results of one room with many members. */
export interface HotRoom {
  quiet: Step;
  ramp: Ramp;
}

/** One room; ten of its members speak. First 50 messages a second, then ever more. */
export async function hotRoom(
  target: Target,
  sizes: Sizes,
  options: { from: number; say: (step: Step) => void },
): Promise<HotRoom> {
  using crowd = await gather(target, 1, sizes.hotMembers);
  const drive = talk(crowd, Math.min(10, sizes.hotMembers), false, sizes.seconds);
  const quiet = await runStep(drive, 50);
  options.say(quiet);
  const { from, say } = options;
  return {
    quiet,
    ramp: await ramp(drive, { from, factor: 1.25, bound: 50, maxSteps: sizes.maxSteps }, say),
  };
}

/** Many small rooms; every member speaks in turn, and is acked. */
export async function manyRooms(
  target: Target,
  sizes: Sizes,
  options: { rooms: number; members: number; from: number; say: (step: Step) => void },
): Promise<Ramp> {
  using crowd = await gather(target, options.rooms, options.members);
  const drive = talk(crowd, crowd.connections.length, true, sizes.seconds);
  const { from, say } = options;
  return await ramp(drive, { from, factor: 1.25, bound: 50, maxSteps: sizes.maxSteps }, say);
}

/** What connections cost that do nothing. */
export interface Idle {
  connections: number;
  /** Bytes of the gateway(s): at rest before, with all connected, and what each adds. */
  before: number;
  after: number;
  each: number;
  /** What each adds, by group of processes. */
  groups: Record<string, number>;
  /** The share of a core that they take while nothing is said. */
  core: number;
}

/** Connections that have each entered one room (of ten members) and do nothing. */
export async function idleCrowd(target: Target, sizes: Sizes): Promise<Idle> {
  const rss = () =>
    Object.fromEntries(
      Object.entries(target.groups).map(([name, pids]) => [
        name,
        pids.reduce((sum, pid) => sum + rssOf(pid), 0),
      ]),
    );
  // What is made for the first connections is there for good: it is not theirs.
  {
    using first = await gather(target, 2, 10);
    void first;
  }
  const before = rss();
  using crowd = await gather(target, Math.max(1, sizes.idle / 10), 10);
  const quiet = sizes.seconds * 2_500;
  let end = performance.now() + quiet;
  await crowd.swarm.run("coming to rest", () => performance.now() > end, quiet * 3);
  const used = usageOf(target.groups).gateway!;
  end = performance.now() + quiet;
  await crowd.swarm.run("resting", () => performance.now() > end, quiet * 3);
  const after = rss();
  const groups = Object.fromEntries(
    Object.keys(after).map((name) => [name, (after[name]! - before[name]!) / sizes.idle]),
  );
  return {
    connections: sizes.idle,
    before: before.gateway!,
    after: after.gateway!,
    each: groups.gateway!,
    groups,
    core: (usageOf(target.groups).gateway! - used) / 1_000 / quiet,
  };
}

/** What connecting costs. */
export interface Storm {
  connections: number;
  /** Connections a second that were opened and authenticated. */
  perSecond: number;
  /** CPU microseconds each, by group. */
  cpu: Record<string, number>;
  loadCore: number;
}

/** As many connections as can be, each with a token of its own. */
export async function connectStorm(target: Target, sizes: Sizes): Promise<Storm> {
  const requests = await Promise.all(
    Array.from({ length: sizes.storm }, (_, index) => handshake(`storm-${index}`)),
  );
  using swarm = new Swarm();
  const authenticated = new Set<Connection>();
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) authenticated.add(connection);
  };
  const [began, used, load] = [clock(), usageOf(target.groups), cpuOf(Deno.pid)];
  await swarm.openAll(
    sizes.storm,
    (index) => swarm.open(target.port, requests[index]!),
    (connection) => authenticated.has(connection),
    CONNECT_MS,
  );
  const elapsed = (clock() - began) / 1_000_000;
  const after = usageOf(target.groups);
  const each = Object.keys(after).map((name) => [name, (after[name]! - used[name]!) / sizes.storm]);
  return {
    connections: sizes.storm,
    perSecond: sizes.storm / elapsed,
    cpu: Object.fromEntries(each),
    loadCore: (cpuOf(Deno.pid) - load) / elapsed / 1_000_000,
  };
}

/** What storing costs. */
export interface Publish {
  perSecond: number;
  p50: number;
  p99: number;
  cpu: Record<string, number>;
}

/** Publishers alone in their rooms, each with ten messages that await their ack at any time. */
export async function durablePublish(target: Target, sizes: Sizes): Promise<Publish> {
  using crowd = await gather(target, sizes.publishers, 1);
  const { swarm, connections } = crowd;
  const names = connections.map(crowd.roomOf);
  const inFlight = 10 * sizes.publishers;
  let n = 0;
  const work = () => {
    while (n - swarm.acked < inFlight) {
      const connection = connections[n % connections.length]!;
      const time = stamp(clock());
      const id = `${time}-${(n++).toString(36)}`;
      if (!swarm.send(connection, target.message(names[connection.index]!, id, time))) break;
    }
    return 1;
  };
  const phase = async (seconds: number) => {
    const end = clock() + seconds * 1_000_000;
    await swarm.run("publishing", () => clock() >= end, seconds * 1_000 + 30_000, work);
  };
  await phase(Math.max(1, sizes.seconds / 4));
  const histogram = swarm.ackLatency = new Histogram();
  const [began, acked, used] = [clock(), swarm.acked, usageOf(target.groups)];
  await phase(sizes.seconds);
  const count = swarm.acked - acked;
  const elapsed = (clock() - began) / 1_000_000;
  const after = usageOf(target.groups);
  return {
    perSecond: count / elapsed,
    p50: histogram.quantile(0.5) / 1_000,
    p99: histogram.quantile(0.99) / 1_000,
    cpu: Object.fromEntries(
      Object.keys(after).map((name) => [name, (after[name]! - used[name]!) / count]),
    ),
  };
}

/** What coming back costs. */
export interface CatchUp {
  connections: number;
  missed: number;
  /** Milliseconds until each had everything it missed: the middle one, and the last. */
  p50: number;
  last: number;
  /** Deliveries too many or too few. */
  wrong: number;
}

/** A room whose members all go, miss messages, and all come back at once. */
export async function catchUp(target: Target, sizes: Sizes): Promise<CatchUp> {
  const room = "bench.room-0";
  using crowd = await gather(target, 1, 2);
  const { swarm, connections } = crowd;
  const [speaker] = connections as [Connection];
  const say = async (count: number) => {
    const acked = swarm.acked + count;
    for (let i = 0; i < count; i++) {
      const time = stamp(clock());
      swarm.send(speaker, target.message(room, `${time}-x`, time));
    }
    await swarm.run("acks", () => swarm.acked >= acked, CONNECT_MS);
  };
  // The ack of the last message before they go is the place in the log from which they come back.
  let last = "";
  swarm.onAck = (text) => last = text;
  await say(5);
  swarm.onAck = null;
  const since = target.placeOf(crowd.subscribed[0]!, last);
  await say(sizes.missed);

  const requests = await Promise.all(
    Array.from({ length: sizes.comingBack }, (_, index) => handshake(`back-${index}`)),
  );
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) {
      swarm.send(connection, target.subscribe(room, since));
    }
  };
  const began = clock();
  const took = new Histogram();
  let longest = 0;
  const back: Connection[] = [];
  await swarm.openAll(
    sizes.comingBack,
    (index) => {
      const connection = swarm.open(target.port, requests[index]!);
      back.push(connection);
      return connection;
    },
    ({ delivered }) => {
      if (delivered < sizes.missed) return false;
      longest = clock() - began;
      took.add(longest);
      return true;
    },
    CONNECT_MS,
  );
  return {
    connections: sizes.comingBack,
    missed: sizes.missed,
    p50: took.quantile(0.5) / 1_000,
    last: longest / 1_000,
    wrong: back.reduce((sum, { delivered }) => sum + Math.abs(delivered - sizes.missed), 0),
  };
}

/** What coming and going leaves behind. */
export interface Churn {
  seconds: number;
  /** Clients that came, spoke once, and went. */
  clients: number;
  /** Bytes of the gateway, twenty times over the run. */
  rss: number[];
  /** The least of the last quarter beside the least of the second: what stays, as a ratio. */
  growth: number;
}

/** Rooms that churning clients enter: so many that rooms, too, come and go. */
const CHURN_ROOMS = 5_000;

/** Clients that come, enter a room, say something and go again, without a pause. */
export async function churn(target: Target, sizes: Sizes): Promise<Churn> {
  using swarm = new Swarm();
  const rss = () => target.groups.gateway!.reduce((sum, pid) => sum + rssOf(pid), 0);
  // Users come back: as many as there are tokens, each several times a minute.
  const requests = await Promise.all(
    Array.from({ length: sizes.churning * 4 }, (_, index) => handshake(`churn-${index}`)),
  );
  const roomOf = ({ index }: Connection) => `churn.room-${index % CHURN_ROOMS}`;
  const living: Connection[] = [];
  const done = new Set<Connection>();
  swarm.onText = (connection, text) => {
    if (text.startsWith('{"type":"authenticated"')) {
      swarm.send(connection, target.subscribe(roomOf(connection)));
    } else if (text.startsWith('{"type":"subscribed"')) {
      const time = stamp(clock());
      swarm.send(connection, target.message(roomOf(connection), `${time}-x`, time));
      done.add(connection);
    }
  };
  let clients = 0;
  const samples: number[] = [];
  const began = clock();
  const elapsed = () => (clock() - began) / 1_000_000;
  await swarm.run("churning", () => elapsed() >= sizes.churn, sizes.churn * 1_000 + 30_000, () => {
    while (living.length < sizes.churning && living.length - done.size < 64) {
      living.push(swarm.open(target.port, requests[clients++ % requests.length]!));
    }
    // The oldest go once they have spoken.
    while (living.length >= sizes.churning && done.delete(living[0]!)) {
      swarm.close(living.shift()!);
    }
    if (samples.length < 20 * elapsed() / sizes.churn) samples.push(rss());
    return 1;
  });
  const least = (from: number, to: number) => Math.min(...samples.slice(from, to));
  return { seconds: sizes.churn, clients, rss: samples, growth: least(15, 20) / least(5, 10) };
}
