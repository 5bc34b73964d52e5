/**
 * What must hold after a disaster, even one that loses acknowledged messages:
 *
 * - What was acknowledged and archived before the disaster is still in the history. What is
 *   acknowledged after it gets there, too.
 * - `recovered: true` is only answered to a client that misses nothing.
 * - No message is served at the seq of another one of the same log.
 *
 * @module
 */
import type { RoomArchive } from "./archive.ts";
import type { Sent } from "./records.ts";
import type { User } from "./user.ts";

/** What the judge knows of a user. */
export type Witness = Pick<User, "id" | "sent" | "rooms">;

/** The archive of a room before and after a disaster. */
export interface RoomRecord {
  room: string;
  /** Whether retention deletes its messages meanwhile. Then its history is not compared. */
  brief: boolean;
  before: RoomArchive;
  after: RoomArchive;
}

/** When a disaster could lose what. */
export interface Losses {
  /** Whether it may lose messages that were acked but not archived. */
  loses: boolean;
  /** When that ended, by `performance.now()`. */
  endedAt: number;
}

/**
 * Compares a room's history with what was sent, and with the history before the disaster. Returns the
 * violated guarantees, as the other functions do.
 */
export function judgeHistory(
  { room, brief, before, after }: RoomRecord,
  { loses, endedAt }: Losses,
  users: readonly Witness[],
): string[] {
  if (brief) return [];
  const wrong: string[] = [];
  const sent = sentTo(room, users);
  const originals = new Map(sent.map((one) => [one.id, one]));
  const archived = new Set(before.messages.map(({ id }) => id));
  const seqs = new Map<string, number[]>();
  for (const { id, seq, content } of after.messages) {
    const original = originals.get(id);
    if (original === undefined) wrong.push(`${id} was never sent`);
    else if (original.content !== content) wrong.push(`${id} was changed`);
    const known = seqs.get(id);
    if (known === undefined) seqs.set(id, [seq]);
    else known.push(seq);
    // A message that was not acked may be stored again after the log forgot it.
    if (known !== undefined && !loses) wrong.push(`${id} is archived twice`);
  }
  for (const { id, ackedSeq, ackedAt } of sent) {
    if (ackedSeq === null) continue;
    const found = seqs.get(id);
    if (found?.includes(ackedSeq)) continue;
    if (found !== undefined) {
      wrong.push(`${id} was acked with seq ${ackedSeq} but has ${found}`);
    } else if (archived.has(id)) {
      wrong.push(`${id} (${ackedSeq}) was acked and archived before the disaster, and is lost`);
    } else if (!loses || ackedAt > endedAt) {
      wrong.push(`${id} (${ackedSeq}) was acked but is not archived`);
    }
  }
  return wrong.map((line) => `${room}: ${line}`);
}

function sentTo(room: string, users: readonly Witness[]): Sent[] {
  return users.flatMap((user) => user.sent.filter((one) => one.room === room));
}

/**
 * Checks that each user received the room without a gap, except where it was told of one.
 */
export function judgeRecovery(
  { room, brief, after }: RoomRecord,
  users: readonly Witness[],
): string[] {
  const wrong: string[] = [];
  // A brief room's history is incomplete, but its log survives, so the acks have all its messages.
  const order = brief
    ? sentTo(room, users).filter(({ ackedSeq }) => ackedSeq !== null)
      .map(({ id, ackedSeq }) => ({ epoch: after.epoch, seq: ackedSeq!, id }))
      .sort((a, b) => a.seq - b.seq)
    : after.messages;
  // Not by id alone: a message that the log forgot may be stored again.
  const key = (epoch: string, seq: number, id: string) => `${epoch} ${seq} ${id}`;
  const positions = new Map(order.map(({ epoch, seq, id }, i) => [key(epoch, seq, id), i]));
  for (const { id: user, rooms } of users) {
    const view = rooms.get(room);
    if (view === undefined) continue;
    let next = -1;
    for (const [i, { epoch, id, seq }] of view.seen.entries()) {
      if (view.breaks.includes(i)) next = -1;
      const position = positions.get(key(epoch, seq, id));
      // What the disaster took from log and history proves nothing.
      if (position === undefined) continue;
      const wanted = order[next];
      if (next !== -1 && position !== next) {
        const expected = wanted === undefined ? "nothing" : `${wanted.id} (${wanted.seq})`;
        wrong.push(`${user} received ${id} (${seq}) instead of ${expected}, though it recovered`);
        break;
      }
      next = (next === -1 ? position : next) + 1;
    }
    const last = after.messages.at(-1);
    if (!brief && view.epoch === last?.epoch && view.lastSeq < last.seq) {
      wrong.push(`${user} stopped at ${view.lastSeq}, but the history reaches ${last.seq}`);
    }
  }
  return wrong.map((line) => `${room}: ${line}`);
}

/**
 * Checks that each seq of each log stands for one message, in the history and at every user. An ack
 * does not say to which log its seq belongs, so {@link judgeHistory} compares those.
 */
export function judgeSeqs(records: readonly RoomRecord[], users: readonly Witness[]): string[] {
  const wrong: string[] = [];
  const messages = new Map<string, string>();
  const report = (epoch: string, seq: number, room: string, id: string, where: string) => {
    const key = `${epoch}:${seq}`;
    const message = `${room} ${id}`;
    const other = messages.get(key);
    if (other === undefined) messages.set(key, message);
    else if (other !== message) wrong.push(`${key} is ${other}, and ${message} ${where}`);
  };
  for (const { room, before, after } of records) {
    for (const { epoch, seq, id } of [...before.messages, ...after.messages]) {
      report(epoch, seq, room, id, "in the history");
    }
  }
  for (const user of users) {
    for (const [room, { seen }] of user.rooms) {
      for (const { epoch, seq, id } of seen) report(epoch, seq, room, id, `at ${user.id}`);
    }
  }
  return wrong;
}
