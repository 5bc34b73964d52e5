/**
 * The torture: users publish while processes are killed and suspended and connections are cut. At
 * the end every guarantee is checked.
 *
 * @module
 */
import { type Link, startLink } from "../harness/link.ts";
import { postgresMissing, type PostgresServer, startPostgres } from "../harness/postgres.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { auditArchive, readArchive } from "./archive.ts";
import { judgeRoom, readMembers, type Verdict } from "./judge.ts";
import { createRandom } from "./random.ts";
import { disturb, type Disturbances } from "./schedule.ts";
import { User } from "./user.ts";

const ROOMS = ["lobby", "chat.a", "chat.b", "game.1.red"];
const USERS = 36;

/** A quarter of the average time between two publishes of a user, milliseconds. */
const PUBLISH_MS = 60;

/** How often each user checks for messages to resend, milliseconds. */
const TICK_MS = 500;

/** How long the system may take to recover after the last disturbance, milliseconds. */
const RECOVERY_MS = 60_000;

/** Options of {@link torture}. */
export interface TortureOptions {
  seed: number;
  minutes: number;
  /** The nats-server binary; by default the installed one. */
  natsServer?: string;
  /** Whether NATS is a cluster of three servers, and the archive a PostgreSQL if there is one. */
  cluster?: boolean;
  say?: (line: string) => void;
}

/** The result of {@link torture}. */
export interface TortureResult {
  verdict: Verdict;
  disturbances: Disturbances;
  counts: Record<string, number>;
}

/**
 * Runs the torture: two gateways, two instances of each service, a real nats-server, dozens of
 * users.
 */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const { seed, minutes, natsServer, cluster = false, say = () => {} } = options;
  // Separate sources, so that the schedule does not depend on the number of publishes.
  const random = createRandom(seed);
  const speakers = createRandom(seed + 0x5eed);
  await using database = cluster ? await startDatabase() : undefined;
  await using system = await startSystem({
    gateways: 2,
    auths: 2,
    rooms: 2,
    persistences: 2,
    cluster,
    env: { persistence: database === undefined ? {} : { DATABASE_URL: database.url } },
    natsServer,
  });
  const urls = [system.url(0), system.url(1)];
  const users = Array.from({ length: USERS }, (_, i) => {
    const rooms = ROOMS.filter((_, j) => j === 0 || (i + j) % 3 === 0);
    const random = createRandom(seed + i + 1);
    // When two of three servers are away, a client may have to be told of a gap. It never is without being told.
    return new User(`u${i}`, rooms, urls, random, { mayLose: cluster });
  });
  await Promise.all(users.map((user) => user.connect()));
  let publishing = true;
  const timers = [
    setInterval(() => users.forEach((user) => user.tick()), TICK_MS),
    setInterval(() => publishing && speakers.pick(users).publish(), PUBLISH_MS / USERS * 4),
  ];
  try {
    await until(
      "all users to have joined",
      () => users.every(({ settled }) => settled),
      RECOVERY_MS,
    );
    const began = performance.now();
    const note = (line: string) =>
      say(`${((performance.now() - began) / 1_000).toFixed(1)} s  ${line}`);
    const end = began + minutes * 60_000;
    const disturbances = await disturb(system, users, random, end, note, database?.link);
    note("disturbances end");
    publishing = false;
    const verdict = await judge(system, users, note);
    if (verdict.length > 0) warnings(system).forEach(note);
    return { verdict, disturbances, counts: { ...total(users), longestAckPause: pause(users) } };
  } finally {
    timers.forEach(clearInterval);
    users.forEach((user) => user.stop());
  }
}

/** Waits until the system has recovered, then checks everything. */
async function judge(
  system: System,
  users: readonly User[],
  note: (line: string) => void,
): Promise<Verdict> {
  const wrong: Verdict = [];
  await until(
    "all users to be back and all messages to be acked",
    () => users.every((user) => user.settled && user.unacked === 0),
    RECOVERY_MS,
  ).catch(() => {
    const away = users.filter(({ settled }) => !settled).length;
    const unacked = users.reduce((sum, user) => sum + user.unacked, 0);
    wrong.push(`${away} users are not back, ${unacked} messages are not acked`);
    warnings(system).slice(-40).forEach(note);
  });
  for (const room of ROOMS) {
    note(`judging ${room}`);
    const acked = users.flatMap(({ sent }) => sent.filter((one) => one.room === room));
    const highest = acked.reduce((seq, { ackedSeq }) => Math.max(seq, ackedSeq ?? 0), 0);
    const { messages: archive } = await readArchive(system, room, highest);
    const last = archive.at(-1)?.seq ?? 0;
    const inRoom = users.filter(({ rooms }) => rooms.has(room));
    await until(
      `${room} to be delivered`,
      () => inRoom.every(({ rooms }) => rooms.get(room)!.lastSeq >= last),
      RECOVERY_MS,
    ).catch(() => {});
    wrong.push(...judgeRoom(room, archive, users));
    wrong.push(...await judgeMembers(system, room, inRoom));
  }
  wrong.push(...await auditArchive(system, ROOMS));
  for (const user of users) wrong.push(...user.faults.map((fault) => `${user.id}: ${fault}`));
  return wrong;
}

/**
 * Compares a room's members with what the rooms service reports, and with what each member knows.
 */
async function judgeMembers(
  system: System,
  room: string,
  inRoom: readonly User[],
): Promise<Verdict> {
  const wrong: Verdict = [];
  const expected = inRoom.map(({ id }) => id).sort().join();
  let members = "";
  await until(`${room}'s members`, async () => {
    members = (await readMembers(system, room)).join();
    return members === expected;
  }).catch(() => wrong.push(`${room}: the members are ${members}, not ${expected}`));
  const knownMembers = (user: User) => [...user.rooms.get(room)!.members].sort().join();
  await until("the members' views", () => inRoom.every((user) => knownMembers(user) === expected))
    .catch(() => {
      for (const user of inRoom) {
        if (knownMembers(user) !== expected) {
          wrong.push(`${room}: ${user.id} knows ${knownMembers(user)}`);
        }
      }
    });
  return wrong;
}

/** A PostgreSQL behind a link. */
interface Database extends AsyncDisposable {
  url: string;
  link: Link;
}

/** Starts the database; undefined where PostgreSQL is not installed. */
async function startDatabase(): Promise<Database | undefined> {
  if (await postgresMissing() !== null) return undefined;
  const server: PostgresServer = await startPostgres();
  const url = new URL(await server.createDatabase());
  const link = await startLink(Number(url.port));
  url.port = String(link.port);
  return {
    url: url.href,
    link,
    async [Symbol.asyncDispose]() {
      await link[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
    },
  };
}

/** The longest time in which nobody got an ack, milliseconds. */
function pause(users: readonly User[]): number {
  const times = users.flatMap(({ sent }) => sent.map(({ ackedAt }) => ackedAt))
    .filter(Number.isFinite).sort((a, b) => a - b);
  return Math.round(times.reduce((most, at, i) => Math.max(most, at - (times[i - 1] ?? at)), 0));
}

function total(users: readonly User[]): Record<string, number> {
  const sum: Record<string, number> = { sent: 0, acked: 0, delivered: 0 };
  for (const user of users) {
    sum.sent! += user.sent.length;
    sum.acked! += user.sent.filter(({ ackedSeq }) => ackedSeq !== null).length;
    for (const { seen } of user.rooms.values()) sum.delivered! += seen.length;
    for (const [name, count] of Object.entries(user.counts)) sum[name] = (sum[name] ?? 0) + count;
  }
  return sum;
}

/** Returns the warnings and errors that the services logged, to investigate a failure. */
function warnings(system: System): string[] {
  const services = [
    ...system.gateways,
    ...system.auths,
    ...system.rooms,
    ...system.persistences,
  ];
  return services.flatMap(({ processes }) =>
    processes.flatMap(({ output }) =>
      output.filter((line) => /"level":"(warn|error)"|rror:/.test(line))
    )
  ).sort();
}
