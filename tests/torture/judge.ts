/**
 * Checks every guarantee after the torture, room by room.
 *
 * @module
 */
import { connect } from "@nats-io/transport-node";
import { type ArchivedMessage, RoomsPresence } from "../../services/contract/mod.ts";
import type { System } from "../harness/system.ts";
import type { RoomView } from "./records.ts";
import type { User } from "./user.ts";

/** What is compared of a message. */
type Seen = Pick<ArchivedMessage, "seq" | "id" | "content">;

/** The violated guarantees; empty if all hold. */
export type Verdict = string[];

/** Returns the members of a room according to the rooms service, sorted. */
export async function readMembers(system: System, room: string): Promise<string[]> {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  try {
    const query = JSON.stringify({ room, limit: 500 });
    const reply = await nats.request(RoomsPresence.subject, query, { timeout: 5_000 });
    return RoomsPresence.reply.parse(reply.json()).members.map(({ userId }) => userId).sort();
  } finally {
    await nats.close();
  }
}

/** Compares one room's archive with what the users sent and with what each member received. */
export function judgeRoom(
  room: string,
  archive: readonly ArchivedMessage[],
  users: readonly User[],
): Verdict {
  const wrong: Verdict = [];
  const report = (what: string) => wrong.push(`${room}: ${what}`);
  const byId = new Map<string, ArchivedMessage>();
  for (const [i, message] of archive.entries()) {
    if (byId.has(message.id)) report(`${message.id} is archived twice`);
    byId.set(message.id, message);
    const prev = archive[i - 1]?.seq ?? 0;
    if (message.prev !== prev) report(`${message.seq} has prev ${message.prev}, not ${prev}`);
  }
  const sent = new Map(
    users.flatMap((user) => user.sent.filter((one) => one.room === room)).map((
      one,
    ) => [one.id, one]),
  );
  for (const { id, content, userId, seq } of archive) {
    const original = sent.get(id);
    if (original === undefined) report(`${id} was never sent`);
    else if (original.content !== content || !id.startsWith(`${userId}-`)) {
      report(`${id} was changed`);
    } else if (original.ackedSeq !== null && original.ackedSeq !== seq) {
      report(`${id} was acked with seq ${original.ackedSeq} but has ${seq}`);
    }
  }
  for (const { id, ackedSeq } of sent.values()) {
    if (ackedSeq !== null && !byId.has(id)) report(`${id} was acked but is not archived`);
  }
  for (const user of users) {
    const view = user.rooms.get(room);
    if (view === undefined) continue;
    wrong.push(...judgeView(view, archive).map((line) => `${room}: ${user.id} ${line}`));
  }
  return wrong;
}

/**
 * Compares what one member received with the archive, from where it joined. Where it was told that it has not
 * recovered, messages may be missing; nowhere else.
 */
export function judgeView(
  { from, lastSeq, seen, breaks }: Pick<RoomView, "from" | "lastSeq" | "breaks"> & {
    seen: readonly Seen[];
  },
  archive: readonly Seen[],
): string[] {
  const nextAfter = (seq: number) => {
    const at = archive.findIndex((message) => message.seq > seq);
    return at < 0 ? archive.length : at;
  };
  let next = nextAfter(from);
  for (const [i, got] of seen.entries()) {
    if (breaks.includes(i)) next = Math.max(next, nextAfter(got.seq - 1));
    const wanted = archive[next++];
    if (wanted?.seq === got.seq && wanted.id === got.id && wanted.content === got.content) continue;
    return [`received ${got.id} (${got.seq}) instead of ${wanted?.id} (${wanted?.seq})`];
  }
  if (breaks.includes(seen.length)) next = nextAfter(lastSeq);
  const wanted = archive[next];
  return wanted === undefined ? [] : [`received nothing instead of ${wanted.id} (${wanted.seq})`];
}

/** Returns the first items of a list, and how many more there are. */
export function shorten(list: readonly string[], most = 20): string[] {
  return list.length <= most
    ? [...list]
    : [...list.slice(0, most), `... ${list.length - most} more`];
}

/** Describes a run that failed: first what is wrong, so that it survives where only the start is shown. */
export function describe(
  seed: number,
  verdict: Verdict,
  lines: readonly string[],
  counts: Record<string, number>,
): string {
  return [`seed ${seed}`, ...shorten(verdict), JSON.stringify(counts), ...lines].join("\n");
}
