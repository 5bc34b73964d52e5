/**
 * The statements that read messages. Each is one statement, so it sees one snapshot.
 *
 * @module
 */
import type { ArchivePage, ArchiveRow, PageQuery, RoomKey, RowKey } from "./archive.ts";
import { type Database, type Parameter, values } from "./database.ts";
import { assemblePage } from "./page.ts";
import { concerns } from "./sql_holes.ts";

/** What a page needs: statements that read. */
type Reader = Pick<Database, "all" | "queued">;

interface PageRow {
  trimmed: number;
  lost: number;
  position: number;
  before: number | null;
  seq: number | null;
  event: string;
}

/** See `Archive.page`. */
export async function readPage(
  database: Reader,
  stream: string,
  query: PageQuery,
): Promise<ArchivePage> {
  const { epoch, room, limit, maxBytes, after, keep, storedSince } = query;
  const rising = after !== undefined;
  const order = rising ? "ASC" : "DESC";
  const parameters: Parameter[] = [
    epoch,
    room,
    after ?? 0,
    (query.before ?? Number.MAX_SAFE_INTEGER) - 1,
    limit + 1,
    maxBytes,
    stream,
  ];
  const parameter = (value: number) => `CAST($${parameters.push(value)} AS bigint)`;
  const key = "epoch = $1 AND room = $2";
  /** The seqs that retention hides, although their rows are still there. */
  const hidden: string[] = [];
  if (keep !== undefined) {
    hidden.push(`SELECT seq FROM (SELECT seq FROM hopwire_message WHERE ${key}
      ORDER BY seq DESC LIMIT 1 OFFSET ${parameter(keep)}) excess`);
  }
  if (storedSince !== undefined) {
    // Messages are stored in the order of time, except after a clock was set back.
    hidden.push(`SELECT seq - 1 FROM (SELECT seq FROM hopwire_message WHERE ${key}
      AND stored_at >= ${parameter(storedSince)} ORDER BY seq LIMIT 1) fresh`);
    hidden.push(`SELECT max(seq) FROM hopwire_message WHERE ${key} AND NOT EXISTS (
      SELECT 1 FROM hopwire_message WHERE ${key}
      AND stored_at >= ${parameter(storedSince)})`);
  }
  const marks = [
    `SELECT seq FROM hopwire_trimmed WHERE ${key}`,
    "SELECT 0",
    ...hidden,
  ].join(" UNION ALL ");
  const before = rising
    ? `(SELECT max(seq) FROM hopwire_message WHERE ${key} AND seq > mark.trimmed
        AND seq <= CAST($3 AS bigint))`
    : "NULL";
  // The size of an event is known without reading it. Only the events of the page are read, and
  // the next one, which is the second if the first alone exceeds the limit. They are read one by one by
  // their whole key: as a join, PostgreSQL without statistics reads the room once for each message.
  const rows = await database.queued<PageRow>(
    `WITH mark AS MATERIALIZED (
      SELECT
        (SELECT max(seq) FROM (${marks}) marks) AS trimmed,
        coalesce((SELECT max(last_seq) FROM hopwire_hole WHERE epoch = $1
          AND ${concerns(7)}), 0) AS lost,
        coalesce((SELECT position FROM hopwire_generation WHERE epoch = $1 AND stream = $7), 0)
          AS position
    ), part AS (
      SELECT seq, octet_length(event) AS bytes FROM hopwire_message
      WHERE ${key} AND seq > CAST($3 AS bigint) AND seq > (SELECT trimmed FROM mark)
        AND seq <= CAST($4 AS bigint)
      ORDER BY seq ${order} LIMIT $5
    ), sized AS (
      SELECT seq, sum(bytes) OVER so_far - bytes AS bytes_before, row_number() OVER so_far AS place
      FROM part WINDOW so_far AS (ORDER BY seq ${order})
    )
    SELECT mark.trimmed, mark.lost, mark.position, ${before} AS before, message.seq, message.event
    FROM mark LEFT JOIN (
      SELECT sized.seq, (
        SELECT event FROM hopwire_message m WHERE m.epoch = $1 AND m.room = $2 AND m.seq = sized.seq
      ) AS event
      FROM sized WHERE sized.place <= 2 OR sized.bytes_before <= CAST($6 AS bigint)
    ) message ON 1 = 1
    ORDER BY message.seq ${order}`,
    ...parameters,
  );
  const { trimmed, lost, position, before: lower } = rows[0]!;
  return assemblePage(query, {
    rows: rows.filter(({ seq }) => seq !== null).map(({ seq, event }) => ({ seq: seq!, event })),
    before: lower ?? 0,
    trimmed,
    lost,
    position,
  });
}

/** See `Archive.heads`. */
export async function readHeads(
  database: Reader,
  epoch: string,
  rooms: readonly string[],
): Promise<number[]> {
  const found = await perRoom(
    database,
    `SELECT wanted.room, max(
      coalesce((SELECT max(seq) FROM hopwire_message m
        WHERE m.epoch = $1 AND m.room = wanted.room), 0)
    ) AS seq FROM wanted GROUP BY wanted.room`,
    epoch,
    rooms,
  );
  const trimmed = await readTrimMarks(database, epoch, rooms);
  return rooms.map((room, i) => Math.max(found.get(room) ?? 0, trimmed[i]!));
}

/** See `Archive.trimMarks`. */
export async function readTrimMarks(
  database: Reader,
  epoch: string,
  rooms: readonly string[],
): Promise<number[]> {
  const found = await perRoom(
    database,
    `SELECT t.room, t.seq FROM wanted JOIN hopwire_trimmed t
    ON t.epoch = $1 AND t.room = wanted.room`,
    epoch,
    rooms,
  );
  return rooms.map((room) => found.get(room) ?? 0);
}

/** Runs a statement with the rooms as the table `wanted`, and returns its seq of each room. */
async function perRoom(
  database: Reader,
  statement: string,
  epoch: string,
  rooms: readonly string[],
): Promise<Map<string, number>> {
  const padded = pad(rooms, "");
  const found = await database.queued<{ room: string; seq: number }>(
    `WITH wanted (room) AS (VALUES ${values(padded.length, 2, ["text"])}) ${statement}`,
    epoch,
    ...padded,
  );
  return new Map(found.map(({ room, seq }) => [room, seq]));
}

/** See `Archive.rows`. */
export async function readRows(
  database: Reader,
  epoch: string,
  keys: readonly { room: string; seq: number }[],
): Promise<ArchiveRow[]> {
  if (keys.length === 0) return [];
  const padded = pad(keys, { room: "", seq: 0 });
  const found = await database.all<{ room: string; seq: number; stored_at: number; event: string }>(
    `WITH wanted (room, seq) AS (VALUES ${values(padded.length, 2, ["text", "bigint"])})
    SELECT m.room, m.seq, m.stored_at, m.event FROM wanted JOIN hopwire_message m
    ON m.epoch = $1 AND m.room = wanted.room AND m.seq = wanted.seq`,
    epoch,
    ...padded.flatMap(({ room, seq }) => [room, seq]),
  );
  return found.map(({ room, seq, stored_at, event }) => ({
    room,
    seq,
    storedAt: stored_at,
    event,
  }));
}

/** See `Archive.seqs`. */
export async function readSeqs(
  database: Reader,
  { epoch, room }: RoomKey,
  first: number,
  last: number,
  limit: number,
): Promise<number[]> {
  const rows = await database.all<{ seq: number }>(
    `SELECT seq FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq >= $3 AND seq <= $4
    ORDER BY seq LIMIT $5`,
    epoch,
    room,
    first,
    last,
    limit,
  );
  return rows.map(({ seq }) => seq);
}

/** See `Archive.scan`. */
export async function scanRows(
  database: Reader,
  after: RowKey | null,
  limit: number,
): Promise<(ArchiveRow & { epoch: string })[]> {
  const { epoch, room, seq } = after ?? { epoch: "", room: "", seq: 0 };
  const found = await database.all<
    { epoch: string; room: string; seq: number; stored_at: number; event: string }
  >(
    `SELECT epoch, room, seq, stored_at, event FROM hopwire_message
    WHERE (epoch, room, seq) > ($1, $2, CAST($3 AS bigint)) ORDER BY epoch, room, seq LIMIT $4`,
    epoch,
    room,
    seq,
    limit,
  );
  return found.map(({ stored_at: storedAt, ...row }) => ({ ...row, storedAt }));
}

/** Fills a list up to a power of two, so that few different statements are prepared. */
function pad<T>(list: readonly T[], filler: T): T[] {
  let size = 1;
  while (size < list.length) size *= 2;
  return [...list, ...Array<T>(size - list.length).fill(filler)];
}
