/**
 * Runs one disaster: users talk, the disaster strikes, they go on, and the judge compares.
 *
 * @module
 */
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { auditArchive, readArchive } from "./archive.ts";
import { judgeHistory, judgeRecovery, judgeSeqs, type RoomRecord } from "./disaster_judge.ts";
import { BRIEF_ROOM, type Disaster, KEPT_ROOMS, type Scene } from "./disasters.ts";
import { shorten } from "./judge.ts";
import { createRandom } from "./random.ts";
import { User } from "./user.ts";

const USERS = 12;

/** Users that are away while the disaster strikes, and return once the others have talked. */
const AWAY = 3;

/** The time between two messages of all users, milliseconds. */
const PUBLISH_MS = 4;

/** How often each user checks for messages to resend, milliseconds. */
const TICK_MS = 250;

/** How long the system may take for one step, milliseconds. */
const STEP_MS = 90_000;

/** Most lines that each check adds to a verdict. */
const MAX_LINES = 6;

/** Options of {@link runDisaster}. */
export interface DisasterOptions {
  seed: number;
  /** The nats-server binary; by default the installed one. */
  natsServer?: string;
  say?: (line: string) => void;
}

/** The result of {@link runDisaster}. */
export interface DisasterResult {
  /** The violated guarantees; empty if all hold. */
  verdict: string[];
  counts: Record<"sent" | "acked" | "lost" | "recovered" | "notRecovered", number>;
}

/** Runs a disaster with two gateways and two instances of persistence. */
export async function runDisaster(
  disaster: Disaster,
  options: DisasterOptions,
): Promise<DisasterResult> {
  const { seed, say = () => {} } = options;
  const random = createRandom(seed);
  await using system = await startSystem({
    ...disaster.options,
    gateways: 2,
    persistences: 2,
    natsServer: options.natsServer,
  });
  const urls = [system.url(0), system.url(1)];
  const rooms = [...KEPT_ROOMS, ...disaster.options?.namespaces === undefined ? [] : [BRIEF_ROOM]];
  const users = Array.from(
    { length: USERS },
    (_, i) =>
      new User(`u${i}`, rooms, urls, createRandom(seed + i + 1), {
        mayLose: true,
        brief: BRIEF_ROOM,
        padding: disaster.padding,
      }),
  );
  const away = users.slice(0, AWAY);
  const present = users.slice(AWAY);
  let talking = true;
  let period = PUBLISH_MS;
  let publishedAt = 0;
  let endedAt = Infinity;
  const timers = [
    setInterval(() => users.forEach((user) => user.tick()), TICK_MS),
    setInterval(() => {
      const now = performance.now();
      if (!talking || now - publishedAt < period) return;
      publishedAt = now;
      random.pick(users).publish();
    }, PUBLISH_MS),
  ];
  const acked = () =>
    users.reduce((sum, { sent }) => sum + sent.filter((one) => one.ackedSeq !== null).length, 0);
  const scene: Scene = {
    system,
    random: createRandom(seed + 0x5eed),
    async talk(acks) {
      talking = true;
      const target = acked() + acks;
      await until(`${acks} more acks`, () => acked() >= target, STEP_MS);
    },
    async quiet() {
      talking = false;
      await until(
        "everything to be acked",
        () => users.every(({ away, unacked }) => away || unacked === 0),
        STEP_MS,
      );
    },
    slowDown: (perSecond) => period = 1_000 / perSecond,
    lossEnds: () => endedAt = Math.min(endedAt, performance.now()),
    errors: () => users.reduce((sum, { counts }) => sum + counts.errors, 0),
  };
  const settle = (who: readonly User[]) =>
    until("the users to be in their rooms", () => who.every(({ settled }) => settled), STEP_MS);
  const note = (line: string) => say(`${(performance.now() / 1_000).toFixed(1)} s  ${line}`);

  /** Reads every archive up to what is acked by now, or up to what was acked after a time. */
  const readAll = async (since: number) => {
    const all = users.flatMap(({ sent }) => sent).filter(({ ackedAt }) => ackedAt >= since);
    const ends = rooms.map((room) =>
      all.reduce(
        (seq, one) =>
          one.room === room && one.ackedSeq !== null ? Math.max(seq, one.ackedSeq) : seq,
        0,
      )
    );
    return await Promise.all(rooms.map((room, i) => readArchive(system, room, ends[i]!)));
  };

  try {
    await Promise.all(users.map((user) => user.connect()));
    await settle(users);
    await scene.talk(150);
    await disaster.prepare?.(scene);
    note("reading the archive before the disaster");
    const before = await readAll(0);
    for (const user of away) user.leave();
    note(`disaster: ${disaster.name}`);
    // A gateway that restarts meanwhile remembers nothing of the log before.
    const [, second] = system.gateways;
    if (scene.random.next() < 0.5) await second!.kill();
    await disaster.strike(scene);
    if (second!.process.ended !== undefined) await second!.restart();
    scene.lossEnds();
    period = PUBLISH_MS;
    note("the disaster is over");
    await scene.talk(250);
    for (const user of away) await user.return();
    await settle(users);
    await scene.talk(100);
    await scene.quiet();
    await settle(present);
    note("judging");
    const after = await readAll(endedAt);
    const records: RoomRecord[] = rooms.map((room, i) => ({
      room,
      brief: room === BRIEF_ROOM,
      before: before[i]!,
      after: after[i]!,
    }));
    await until(
      "everything to be delivered",
      () =>
        records.every(({ room, after: { messages } }) =>
          users.every(({ rooms }) => {
            const { epoch, lastSeq } = rooms.get(room)!;
            const last = messages.at(-1);
            return last === undefined || (epoch === last.epoch && lastSeq >= last.seq);
          })
        ),
    ).catch(() => {});
    const losses = { loses: disaster.loses, endedAt };
    const verdict = [
      records.flatMap((record) => judgeHistory(record, losses, users)),
      records.flatMap((record) => judgeRecovery(record, users)),
      judgeSeqs(records, users),
      await auditArchive(system, rooms),
      users.flatMap(({ id, faults }) => faults.map((fault) => `${id}: ${fault}`)),
    ].flatMap((lines) => shorten(lines, MAX_LINES));
    return { verdict, counts: count(records, users) };
  } catch (error) {
    return { verdict: [(error as Error).message], counts: count([], users) };
  } finally {
    timers.forEach(clearInterval);
    users.forEach((user) => user.stop());
  }
}

function count(records: readonly RoomRecord[], users: readonly User[]): DisasterResult["counts"] {
  const sent = users.flatMap((user) => user.sent);
  const acked = sent.filter(({ ackedSeq }) => ackedSeq !== null);
  const lost = records.filter(({ brief }) => !brief).reduce((sum, { room, after }) => {
    const kept = new Set(after.messages.map(({ id }) => id));
    return sum + acked.filter((one) => one.room === room && !kept.has(one.id)).length;
  }, 0);
  const total = (name: "recovered" | "notRecovered") =>
    users.reduce((sum, { counts }) => sum + counts[name], 0);
  return {
    sent: sent.length,
    acked: acked.length,
    lost,
    recovered: total("recovered"),
    notRecovered: total("notRecovered"),
  };
}
