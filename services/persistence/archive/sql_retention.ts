/**
 * The statements of retention: which rooms have something to delete, and deleting it.
 *
 * @module
 */
import { MAX_TRIM_ROWS, type RoomKey, type TrimTarget } from "./archive.ts";
import type { Database, Sql } from "./database.ts";

/** See `Archive.rooms`. One index step per room: the messages in between are not visited. */
export async function listRooms(
  database: Database,
  stream: string,
  after: RoomKey | null,
  limit: number,
): Promise<RoomKey[]> {
  const keys: RoomKey[] = [];
  let last = after ?? { epoch: "", room: "" };
  while (keys.length < limit) {
    const [key] = await database.all<RoomKey>(
      `SELECT epoch, room FROM hopwire_message WHERE (epoch, room) > ($1, $2)
      ORDER BY epoch, room LIMIT 1`,
      last.epoch,
      last.room,
    );
    if (key === undefined) break;
    const owner = await nextEpoch(database, stream, key.epoch);
    if (owner === undefined) break;
    // An epoch of another stream: on to the next one of this stream, in one step.
    if (owner !== key.epoch) last = { epoch: owner, room: "" };
    else keys.push(last = { epoch: key.epoch, room: key.room });
  }
  return keys;
}

/** Returns the first epoch of a stream that is not before `epoch` in the order of text. */
async function nextEpoch(
  database: Database,
  stream: string,
  epoch: string,
): Promise<string | undefined> {
  const [found] = await database.all<{ epoch: string }>(
    `SELECT epoch FROM hopwire_generation WHERE stream = $1 AND epoch >= $2
    ORDER BY epoch LIMIT 1`,
    stream,
    epoch,
  );
  return found?.epoch;
}

/** See `Archive.due`. */
export async function listDue(
  database: Database,
  stream: string,
  now: number,
  limit: number,
): Promise<RoomKey[]> {
  const rows = await database.all<RoomKey>(
    `SELECT epoch, room FROM hopwire_due WHERE due_at <= $1
    AND epoch IN (SELECT epoch FROM hopwire_generation WHERE stream = $2)
    ORDER BY due_at LIMIT $3`,
    now,
    stream,
    limit,
  );
  return rows.map(({ epoch, room }) => ({ epoch, room }));
}

/** Sets when retention has to look at a room, unless it is to look at it before. */
export async function setDue(sql: Sql, { epoch, room }: RoomKey, at: number): Promise<void> {
  await sql.run(
    `INSERT INTO hopwire_due (epoch, room, due_at) VALUES ($1, $2, $3)
    ON CONFLICT (epoch, room) DO UPDATE SET due_at = excluded.due_at
    WHERE hopwire_due.due_at > excluded.due_at`,
    epoch,
    room,
    at,
  );
}

/** See `Archive.trim`. */
export async function trimRoom(sql: Sql, target: TrimTarget): Promise<number> {
  const { epoch, room, now, maxAge, keep } = target;
  await sql.run("DELETE FROM hopwire_due WHERE epoch = $1 AND room = $2", epoch, room);
  if (maxAge === undefined && keep === undefined) return 0;
  const newestExcess = keep === undefined ? 0 : await nthNewest(sql, target, keep);
  const oldest = await sql.all<{ seq: number; stored_at: number }>(
    `SELECT seq, stored_at FROM hopwire_message WHERE epoch = $1 AND room = $2
    ORDER BY seq LIMIT $3`,
    epoch,
    room,
    MAX_TRIM_ROWS + 1,
  );
  const stays = oldest.findIndex(({ seq, stored_at }) =>
    seq > newestExcess && (maxAge === undefined || stored_at >= now - maxAge)
  );
  const goes = stays === -1 ? Math.min(oldest.length, MAX_TRIM_ROWS) : stays;
  const remaining = oldest[goes];
  if (stays === -1 && remaining !== undefined) await setDue(sql, target, now);
  else if (maxAge !== undefined && remaining !== undefined) {
    await setDue(sql, target, remaining.stored_at + maxAge + 1);
  }
  if (goes === 0) return 0;
  const cut = oldest[goes - 1]!.seq;
  await sql.run(
    `INSERT INTO hopwire_trimmed (epoch, room, seq) VALUES ($1, $2, $3)
    ON CONFLICT (epoch, room) DO UPDATE SET seq = excluded.seq
    WHERE hopwire_trimmed.seq < excluded.seq`,
    epoch,
    room,
    cut,
  );
  return await sql.run(
    "DELETE FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq <= $3",
    epoch,
    room,
    cut,
  );
}

/** Returns the seq of the newest message that has at least `keep` newer ones; 0 if there is none. */
async function nthNewest(sql: Sql, { epoch, room }: RoomKey, keep: number): Promise<number> {
  const [row] = await sql.all<{ seq: number }>(
    `SELECT seq FROM hopwire_message WHERE epoch = $1 AND room = $2
    ORDER BY seq DESC LIMIT 1 OFFSET $3`,
    epoch,
    room,
    keep,
  );
  return row?.seq ?? 0;
}
