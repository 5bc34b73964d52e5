/**
 * Replays what a member missed, in order, and hands over to live delivery without a gap or a double.
 *
 * @module
 */
import type { Since } from "../../../contract/mod.ts";
import { FaultError } from "../../../kit/mod.ts";
import { PAGE_WAIT_MS, type Pages } from "../quotas/pages.ts";
import type { FramePage, HistoryReader } from "../../room/history_reader.ts";
import type { Log } from "../../room/log.ts";
import type { Logs } from "../../room/logs.ts";
import type { Delivered } from "../../room/window.ts";
import type { MemoryBudget } from "../../wire/memory_budget.ts";
import type { Membership } from "../membership.ts";
import type { Peer } from "../peer.ts";
import type { Session } from "../session.ts";

/** Bytes sent before the replay checks whether the reader keeps up. */
const CHUNK_BYTES = 64 * 1024;

/**
 * How long a client that resumes waits until persistence has confirmed the log, milliseconds. That is
 * due after each reconnect to NATS; persistence attaches to the log again within a second.
 */
const CONFIRM_MS = 4_000;

/**
 * How long clients that resume are told to try again, milliseconds, while the log answers after a (re)connect to
 * NATS, but persistence does not. Then they join without recovery.
 */
const GIVE_UP_MS = 15_000;

/** How long reading the log again may take when a client names a seq that it cannot have, milliseconds. */
const READ_AGAIN_MS = 1_000;

/** The longest that a replay beyond its user's quota waits before it looks again, milliseconds. */
const MAX_PAUSE_MS = 1_000;

/** What a replay needs from the gateway. */
export interface ReplayDeps {
  history: HistoryReader;
  /** Places for pages that are replayed, and what they may take with everything else that waits. */
  replays: Pages;
  memory: MemoryBudget;
  logs: Pick<Logs, "dividing"> & {
    of(room: string): Omit<Log, "anchors" | "found" | "waitUntilFound">;
  };
}

/**
 * Answers `subscribed`, replays the messages after `since`, and adds the member to its room.
 *
 * @throws {FaultError} `unavailable` if the log or the archive cannot be reached in time; `forbidden` if
 * a renewed token took the room away meanwhile
 */
export async function replay(
  { history, logs, replays, memory }: ReplayDeps,
  session: Session,
  membership: Membership,
  since: Since | undefined,
  id?: string,
): Promise<void> {
  const { room, grant } = membership;
  const { peer } = session;
  const log = logs.of(room.name);
  const epoch = log.epoch!;
  /** A token that was renewed meanwhile may have taken the session out of the room. */
  const requireMember = () => {
    if (session.closed || session.rooms.get(room.name) === membership) return;
    throw new FaultError("forbidden", `no longer a member of ${room.name}`);
  };
  /** Or it may have taken the right to what the session missed. */
  const requireHistory = () => {
    requireMember();
    if (session.closed || membership.grant.rights.includes("history")) return;
    throw new FaultError("forbidden", `no right to history in ${room.name}`);
  };
  const answer = (recovered: boolean) =>
    session.send({
      type: "subscribed",
      room: room.name,
      seq: room.head,
      epoch,
      recovered,
      count: membership.seesPresence ? room.presence?.count : undefined,
      id,
    });
  const start = (recovered: boolean) => {
    requireMember();
    answer(recovered);
    room.add(membership);
  };

  // Missed messages are history: without that right there is nothing to recover.
  const mayRecover = room.stored && grant.rights.includes("history");
  if (since === undefined || !mayRecover || since.epoch !== epoch) return start(false);
  if (!await log.waitUntilConfirmed(CONFIRM_MS)) {
    if (log.unconfirmedMs > GIVE_UP_MS) return start(false);
    throw new FaultError("unavailable", "the log is being compared with the archive", 1_000);
  }
  // Another gateway may have noticed before this one that the room is in another stream now.
  if (since.seq >= log.end) {
    await log.readAgain(READ_AGAIN_MS);
    if (logs.dividing || logs.of(room.name) !== log) {
      throw new FaultError("unavailable", "the log is being divided", 250);
    }
  }
  await room.ensureComplete();
  // Another gateway may have delivered more to the client than has reached this one.
  if (since.seq > room.head) await room.catchUp();
  if (since.seq > room.head) return start(false);

  let cursor = since.seq;
  let answered = false;
  while (!session.closed) {
    requireHistory();
    // Several rooms replay side by side. None may fill the socket for the others.
    if (peer.congested) {
      await peer.drained();
      continue;
    }
    const wait = session.allowance.take("history", 1, performance.now());
    if (wait > 0) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(wait, MAX_PAUSE_MS)));
      continue;
    }
    const missed = room.window.after(cursor);
    if (missed !== null) {
      if (!answered) answer(true);
      answered = true;
      const sent = sendChunk(session, missed, cursor);
      // Nothing else has run since the window was read, so no live message falls between.
      if (sent === (missed.at(-1)?.seq ?? cursor)) return room.add(membership);
      cursor = sent;
      continue;
    }
    const upTo = room.window.floor;
    const place = await replays.enter(session.allowance.account.key);
    try {
      // Meanwhile another member may have read it.
      if (room.window.after(cursor) !== null) continue;
      const { erasures } = room;
      const page = await history.frames(room.name, cursor, upTo);
      requireHistory();
      if (page.epoch !== epoch || page.trimmedTo > cursor) {
        if (!answered) return start(false);
        // Retention has overtaken the replay. The client has received `recovered: true`, so it must
        // reconnect and start over.
        return session.close("unavailable");
      }
      if (!answered) answer(true);
      answered = true;
      const { sent, ended } = await sendPage(memory, session, page, cursor, () => {
        requireHistory();
        return erasures === room.erasures;
      });
      cursor = sent;
      // What follows may hold what has just been erased: it is read again.
      if (page.more || !ended || erasures !== room.erasures) continue;
      cursor = Math.max(cursor, upTo);
      // The next member to come back finds these messages in the window: a thousand members cost one
      // read. The floor may have moved down meanwhile, by a read that did not reach as far back.
      const { floor } = room.window;
      const reach = Math.max(page.after, page.trimmedTo);
      if (reach < floor && floor <= upTo) {
        room.window.prepend(page.frames.filter(({ seq }) => seq <= floor), reach);
      }
    } finally {
      place.leave();
    }
  }
}

/**
 * Sends what follows `cursor` of a page, as fast as the client reads. Returns the seq of the last one sent,
 * and whether that was the end: a client that is too slow gets the rest from another read, so that no page
 * waits for it. `stillValid` is asked after each wait, and throws if the client may not read on.
 */
async function sendPage(
  memory: MemoryBudget,
  session: Session,
  page: FramePage,
  cursor: number,
  stillValid: () => boolean,
): Promise<{ sent: number; ended: boolean }> {
  const { peer } = session;
  const last = page.frames.at(-1)?.seq ?? cursor;
  const end = performance.now() + PAGE_WAIT_MS;
  // A page that many members share is counted about once.
  const bytes = page.bytes / ++page.holders;
  session.pageBytes += bytes;
  memory.grew(bytes);
  try {
    while (cursor < last && !session.closed) {
      if (!peer.congested) cursor = sendChunk(session, page.frames, cursor);
      else if (!await drainedBy(end, peer)) break;
      else if (!stillValid()) break;
    }
  } finally {
    page.holders--;
    session.pageBytes -= bytes;
  }
  return { sent: cursor, ended: cursor >= last };
}

/** Waits until a client has read what is queued for it. Returns false at `end`, a monotonic time. */
async function drainedBy(end: number, peer: Peer): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const timer = setTimeout(() => resolve(false), end - performance.now());
  try {
    return await Promise.race([peer.drained().then(() => true), late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Sends about {@link CHUNK_BYTES} of what follows `cursor`. Returns the seq of the last one sent. */
function sendChunk(session: Session, entries: readonly Delivered[], cursor: number): number {
  let bytes = 0;
  for (const { seq, frame } of entries) {
    if (seq <= cursor) continue;
    session.sendFrame(frame);
    cursor = seq;
    bytes += frame.wire.length;
    if (bytes >= CHUNK_BYTES) break;
  }
  session.allowance.charge("history", bytes);
  return cursor;
}
