/**
 * The judgement after the torture: everything that was promised, checked room by room.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import { ArchivedMessage, HistoryRead, RoomsPresence } from "../../services/contract/mod.ts";
import type { System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import type { User } from "./user.ts";

/** What is wrong; empty when all is as promised. */
export type Verdict = string[];

/**
 * Reads a room's whole archive over the bus, oldest first; it must reach `upTo`, since what is archived
 * may be a moment behind what is acked.
 */
export async function readArchive(
  system: System,
  room: string,
  upTo: number,
): Promise<ArchivedMessage[]> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  try {
    const messages: ArchivedMessage[] = [];
    for (let after = 0;;) {
      const query = JSON.stringify({ room, after, limit: 500, upTo: upTo || undefined });
      const page = await until(`a page of ${room}`, async () => {
        const reply = await nats.request(HistoryRead.subject, query, { timeout: 5_000 });
        return HistoryRead.reply.parse(reply.json());
      });
      messages.push(...page.messages);
      if (!page.more) return messages;
      after = page.messages.at(-1)!.seq;
    }
  } finally {
    await nats.close();
  }
}

/** The members of a room by the rooms service. */
export async function readMembers(system: System, room: string): Promise<string[]> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  try {
    const query = JSON.stringify({ room, limit: 500, revision: 0 });
    const reply = await nats.request(RoomsPresence.subject, query, { timeout: 5_000 });
    return RoomsPresence.reply.parse(reply.json()).members.map(({ userId }) => userId).sort();
  } finally {
    await nats.close();
  }
}

/** Compares one room's archive with what was sent and with what each member saw. */
export function judgeRoom(
  room: string,
  archive: readonly ArchivedMessage[],
  users: readonly User[],
): Verdict {
  const wrong: Verdict = [];
  const say = (what: string) => wrong.push(`${room}: ${what}`);
  const byId = new Map<string, ArchivedMessage>();
  for (const [i, message] of archive.entries()) {
    if (byId.has(message.id)) say(`${message.id} is archived twice`);
    byId.set(message.id, message);
    const prev = archive[i - 1]?.seq ?? 0;
    if (message.prev !== prev) say(`${message.seq} has prev ${message.prev}, not ${prev}`);
  }
  const sent = new Map(
    users.flatMap((user) => user.sent.filter((one) => one.room === room)).map((
      one,
    ) => [one.id, one]),
  );
  for (const { id, content, userId, seq } of archive) {
    const original = sent.get(id);
    if (original === undefined) say(`${id} was sent by nobody`);
    else if (original.content !== content || !id.startsWith(`${userId}-`)) say(`${id} was changed`);
    else if (original.ackedSeq !== null && original.ackedSeq !== seq) {
      say(`${id} was acked as ${original.ackedSeq} and is ${seq}`);
    }
  }
  for (const { id, ackedSeq } of sent.values()) {
    if (ackedSeq !== null && !byId.has(id)) say(`${id} was acked and is not archived`);
  }
  for (const user of users) {
    const view = user.rooms.get(room);
    if (view === undefined) continue;
    const expected = archive.filter(({ seq }) => seq > view.from);
    for (let i = 0; i < Math.max(expected.length, view.seen.length); i++) {
      const [wanted, got] = [expected[i], view.seen[i]];
      if (wanted?.seq === got?.seq && wanted?.id === got?.id && wanted?.content === got?.content) {
        continue;
      }
      say(`${user.id} saw ${got?.id} (${got?.seq}) where ${wanted?.id} (${wanted?.seq}) belongs`);
      break;
    }
  }
  return wrong;
}

/** The first of a list, and how many more there are. */
export function shorten(list: readonly string[], most = 20): string[] {
  return list.length <= most
    ? [...list]
    : [...list.slice(0, most), `... ${list.length - most} more`];
}
