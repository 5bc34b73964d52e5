/**
 * The torture: users talk while everything is killed, stopped and cut; at the end every promise is
 * checked.
 *
 * @module
 */
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { judgeRoom, readArchive, readMembers, shorten, type Verdict } from "./judge.ts";
import { createRandom } from "./random.ts";
import { type Deeds, disturb } from "./schedule.ts";
import { User } from "./user.ts";

const ROOMS = ["lobby", "chat.a", "chat.b", "game.1.red"];
const USERS = 36;

/** How often each user publishes, milliseconds, and looks after what it sent. */
const PUBLISH_MS = 60;
const TICK_MS = 500;

/** How long the system may take to be whole again once it is left in peace, milliseconds. */
const PEACE_MS = 60_000;

/** How it is run. */
export interface TortureOptions {
  seed: number;
  minutes: number;
  say?: (line: string) => void;
}

/** What came out. */
export interface TortureResult {
  verdict: Verdict;
  deeds: Deeds;
  counts: Record<string, number>;
}

/** Runs it. Two gateways, two of each service, a real nats-server, dozens of users. */
export async function torture(options: TortureOptions): Promise<TortureResult> {
  const { seed, minutes, say = () => {} } = options;
  // Apart from each other, so that a schedule does not depend on how much was said meanwhile.
  const random = createRandom(seed);
  const talk = createRandom(seed + 0x5eed);
  await using system = await startSystem({ gateways: 2, auths: 2, rooms: 2, persistences: 2 });
  const urls = [system.url(0), system.url(1)];
  const users = Array.from({ length: USERS }, (_, i) => {
    const rooms = ROOMS.filter((_, j) => j === 0 || (i + j) % 3 === 0);
    return new User(`u${i}`, rooms, urls, createRandom(seed + i + 1));
  });
  await Promise.all(users.map((user) => user.connect()));
  let publishing = true;
  const timers = [
    setInterval(() => users.forEach((user) => user.tick()), TICK_MS),
    setInterval(() => publishing && talk.pick(users).publish(), PUBLISH_MS / USERS * 4),
  ];
  try {
    await until("everybody to be in", () => users.every(({ settled }) => settled), PEACE_MS);
    const began = performance.now();
    const note = (line: string) =>
      say(`${((performance.now() - began) / 1_000).toFixed(1)} s  ${line}`);
    const deeds = await disturb(system, users, random, began + minutes * 60_000, note);
    note("peace");
    publishing = false;
    const verdict = await judge(system, users, note);
    if (verdict.length > 0) complaints(system).forEach(note);
    return { verdict, deeds, counts: total(users) };
  } finally {
    timers.forEach(clearInterval);
    users.forEach((user) => user.stop());
  }
}

/** Waits until the system is whole again, then checks everything. */
async function judge(
  system: System,
  users: readonly User[],
  note: (line: string) => void,
): Promise<Verdict> {
  const wrong: Verdict = [];
  await until(
    "everybody to be back, and every message to be acked",
    () => users.every((user) => user.settled && user.unacked === 0),
    PEACE_MS,
  ).catch(() => {
    const away = users.filter(({ settled }) => !settled).length;
    const unacked = users.reduce((sum, user) => sum + user.unacked, 0);
    wrong.push(`${away} users are not back, ${unacked} messages are not acked`);
    complaints(system).slice(-40).forEach(note);
  });
  for (const room of ROOMS) {
    note(`judging ${room}`);
    const acked = users.flatMap(({ sent }) => sent.filter((one) => one.room === room));
    const highest = acked.reduce((seq, { ackedSeq }) => Math.max(seq, ackedSeq ?? 0), 0);
    const archive = await readArchive(system, room, highest);
    const last = archive.at(-1)?.seq ?? 0;
    const inRoom = users.filter(({ rooms }) => rooms.has(room));
    await until(
      `${room} to be delivered`,
      () => inRoom.every(({ rooms }) => rooms.get(room)!.lastSeq >= last),
      PEACE_MS,
    ).catch(() => {});
    wrong.push(...judgeRoom(room, archive, users));
    wrong.push(...await judgeMembers(system, room, inRoom));
  }
  for (const user of users) wrong.push(...user.faults.map((fault) => `${user.id}: ${fault}`));
  return shorten(wrong);
}

/** Compares who is in a room with what rooms says, and with what each member was told. */
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
  const told = (user: User) => [...user.rooms.get(room)!.members].sort().join();
  await until("what was told", () => inRoom.every((user) => told(user) === expected)).catch(() => {
    for (const user of inRoom) {
      if (told(user) !== expected) wrong.push(`${room}: ${user.id} was told ${told(user)}`);
    }
  });
  return wrong;
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

/** What the services complained of, for whoever looks into a failure. */
function complaints(system: System): string[] {
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
