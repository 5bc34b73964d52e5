/**
 * Clients on bad networks: each is cut again and again, and resumes.
 *
 * @module
 */
import { clock, stamp } from "../clock.ts";
import { Histogram } from "../histogram.ts";
import { joinAll } from "../join_all.ts";
import type { Joiner } from "../joiners.ts";
import { type Usage, usageOf, usedPer } from "../processes.ts";
import { type Target, ticketsFor } from "../target.ts";
import type { Sizes } from "./sizes.ts";

const MEMBERS = 5;

/** How long everything may take to arrive after the last cut, milliseconds. */
const SETTLE_MS = 15_000;

/** How often the end of that is checked, milliseconds: a check counts every delivery. */
const CHECK_MS = 200;

/** How a jittery network went. */
export interface Jitter {
  clients: number;
  cuts: number;
  /** The share of deliveries of acked messages that arrived, live or replayed. */
  delivered: number;
  /** Deliveries that arrived twice. */
  duplicates: number;
  /** From when a client returned until it had all that it had missed, milliseconds. */
  p50: number;
  p99: number;
  /** Lost connections and refusals. */
  refused: Record<string, number>;
  /** CPU time per delivery by group, microseconds. */
  cpu: Usage;
}

/** What the bench knows about one client. */
interface Seen {
  due: Set<number>;
  last: string | undefined;
  cutAt: number;
  /** The newest message that it has missed, 0 if none, and when it returned. */
  waitsFor: number;
  returnedAt: number;
}

/** Measures clients that are cut every `jitterEvery` seconds and return after `jitterAway`. */
export async function jitter(target: Target, sizes: Sizes): Promise<Jitter> {
  const { jitterClients: count, jitterEvery, jitterAway, jitterSeconds, jitterRate } = sizes;
  const { wire } = target;
  using crowd = await joinAll(target, await ticketsFor(wire, "jitter", count), MEMBERS);
  const { swarm, joiners } = crowd;
  const roomCount = Math.floor(count / MEMBERS);
  const rooms = Array.from({ length: roomCount }, () => ({
    members: [] as Joiner[],
    acked: new Set<number>(),
    newest: 0,
  }));
  const roomOf = ({ index }: Joiner) => rooms[index % roomCount]!;
  for (const joiner of joiners.joiners) roomOf(joiner).members.push(joiner);
  const seen = joiners.joiners.map((): Seen => ({
    due: new Set(),
    last: undefined,
    cutAt: 0,
    waitsFor: 0,
    returnedAt: 0,
  }));
  const replay = new Histogram();
  let [cuts, duplicates] = [0, 0];
  swarm.onAck = (connection, due) => {
    const joiner = joiners.of(connection);
    if (joiner === undefined) return;
    const room = roomOf(joiner);
    room.acked.add(due);
    room.newest = Math.max(room.newest, due);
  };
  swarm.onDelivery = (connection, due, text) => {
    const joiner = joiners.of(connection);
    if (joiner === undefined) return;
    const client = seen[joiner.index]!;
    if (client.due.has(due)) duplicates++;
    client.due.add(due);
    client.last = text;
    if (client.waitsFor === 0 || due < client.waitsFor) return;
    replay.add(clock() - client.returnedAt);
    client.waitsFor = 0;
  };

  const cut = (joiner: Joiner) => {
    const client = seen[joiner.index]!;
    if (target.resumes && (client.last !== undefined || joiner.since === undefined)) {
      joiner.since = wire.positionOf(joiner.subscribed, client.last);
    }
    joiners.leave(joiner);
    cuts++;
    client.cutAt = clock();
    joiners.timers.after(jitterAway * 1_000, () => {
      const { newest } = roomOf(joiner);
      client.returnedAt = clock();
      client.waitsFor = target.resumes && newest > client.cutAt ? newest : 0;
      joiners.join(joiner);
    });
  };
  const [began, used] = [clock(), usageOf(target.groups)];
  const interval = 1_000_000 / jitterRate;
  // Every room has had a message before the first cut, so that every client has a position.
  const firstCut = began + roomCount * interval + 1_000_000;
  const end = firstCut + jitterSeconds * 1_000_000;
  const perCut = jitterEvery * 1_000_000 / count;
  let [sent, cutsDue] = [0, 0];
  await swarm.run("jitter", () => clock() >= end, (end - began) / 1_000 + 30_000, () => {
    joiners.work();
    const now = clock();
    for (; firstCut + cutsDue * perCut <= now; cutsDue++) {
      const joiner = joiners.joiners[cutsDue % count]!;
      if (joiner.state === "joined") cut(joiner);
    }
    for (; began + sent * interval <= now; sent++) {
      const { members } = rooms[sent % roomCount]!;
      const turn = Math.floor(sent / roomCount);
      const joined = members.filter(({ state }) => state === "joined");
      if (joined.length === 0) continue;
      const { connection, room } = joined[turn % joined.length]!;
      const time = stamp(Math.round(began + sent * interval));
      swarm.send(connection!, wire.message(room, `${time}-x`, `on a bad network ${time}`));
    }
    return 1;
  });
  const countArrived = () => {
    let [expected, arrived] = [0, 0];
    for (const { members, acked } of rooms) {
      expected += members.length * acked.size;
      for (const { index } of members) {
        for (const due of acked) if (seen[index]!.due.has(due)) arrived++;
      }
    }
    return { expected, arrived };
  };
  let checked = 0;
  let all = false;
  const settled = () => {
    if (performance.now() - checked < CHECK_MS) return all;
    checked = performance.now();
    const { expected, arrived } = countArrived();
    return all = joiners.joined === count && arrived === expected;
  };
  await swarm.run("settling", settled, SETTLE_MS, () => {
    joiners.work();
    return 1;
  }).catch(() => {});
  const { expected, arrived } = countArrived();
  return {
    clients: count,
    cuts,
    delivered: arrived / expected,
    duplicates,
    p50: replay.quantile(0.5) / 1_000,
    p99: replay.quantile(0.99) / 1_000,
    refused: joiners.refused,
    cpu: usedPer(used, usageOf(target.groups), arrived),
  };
}
