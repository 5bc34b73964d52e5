/**
 * The archive in PostgreSQL. Every operation is one statement: one snapshot, one round trip, all or
 * nothing.
 *
 * @module
 */
import {
  type Archive,
  type ArchivePage,
  type ArchiveRow,
  assemblePage,
  MAX_TRIM_ROWS,
  type PageQuery,
  type RoomKey,
  type TrimTarget,
} from "./archive.ts";
import { PostgresDatabase } from "./postgres_database.ts";

/**
 * Opens the archive at a URL. Connects at the first operation, and reconnects in later ones if
 * necessary. `deadline` is the time limit of an operation, milliseconds.
 */
export function openPostgresArchive(
  url: string,
  options: { deadline?: number } = {},
): Archive {
  return new PostgresArchive(new PostgresDatabase(url, options.deadline));
}

class PostgresArchive implements Archive {
  readonly name = "PostgreSQL";
  readonly #database: PostgresDatabase;

  constructor(database: PostgresDatabase) {
    this.#database = database;
  }

  async append(epoch: string, rows: readonly ArchiveRow[]): Promise<void> {
    if (rows.length === 0) return;
    // Every instance inserts in seq order, so two that hold the same rows cannot deadlock. The
    // log's row comes last for the same reason; the count forces this order.
    const sorted = rows.toSorted((a, b) => a.seq - b.seq);
    const last = sorted.at(-1)!.seq;
    await this.#database.run((sql) =>
      sql`
      WITH added AS (
        INSERT INTO hopwire_message (epoch, room, seq, stored_at, event)
        SELECT ${epoch}, r.room, r.seq, r.stored_at, r.event
        FROM unnest(
          ${sorted.map(({ room }) => room)}::text[],
          ${sorted.map(({ seq }) => seq)}::bigint[],
          ${sorted.map(({ storedAt }) => storedAt)}::bigint[],
          ${sorted.map(({ event }) => event)}::text[]
        ) AS r (room, seq, stored_at, event)
        WHERE NOT EXISTS (
          SELECT 1 FROM hopwire_trimmed t
          WHERE t.epoch = ${epoch} AND t.room = r.room AND t.seq >= r.seq
        )
        ORDER BY r.seq
        ON CONFLICT DO NOTHING
        RETURNING 1
      ), done AS (SELECT count(*) FROM added)
      INSERT INTO hopwire_log AS l (epoch, last_seq, lost_to)
      SELECT ${epoch}, ${last}::bigint, 0 FROM done
      ON CONFLICT (epoch) DO UPDATE SET last_seq = greatest(l.last_seq, excluded.last_seq)`
    );
  }

  async page(query: PageQuery): Promise<ArchivePage> {
    const { epoch, room, ceiling, limit, maxBytes, after = 0 } = query;
    const rising = query.after !== undefined;
    const high = Math.min(ceiling, (query.before ?? Number.MAX_SAFE_INTEGER) - 1);
    const rows = await this.#database.run((sql) => {
      const order = rising ? sql`ASC` : sql`DESC`;
      // Sizes are known without reading the texts. Only the texts of the page are read, and the
      // next one, which is the second if the first alone exceeds the limit.
      return sql<{
        trimmed: number;
        lost: number;
        before: number | null;
        seq: number | null;
        event: string;
      }[]>`
        WITH floor AS MATERIALIZED (
          SELECT
            coalesce((SELECT seq FROM hopwire_trimmed WHERE epoch = ${epoch} AND room = ${room}), 0)
              AS trimmed,
            coalesce((SELECT lost_to FROM hopwire_log WHERE epoch = ${epoch}), 0) AS lost
        ), part AS (
          SELECT seq, octet_length(event) AS bytes FROM hopwire_message
          WHERE epoch = ${epoch} AND room = ${room}
            AND seq > greatest(${after}::bigint, (SELECT trimmed FROM floor))
            AND seq <= ${high}::bigint
          ORDER BY seq ${order} LIMIT ${limit + 1}::int
        ), sized AS (
          SELECT seq, sum(bytes) OVER so_far - bytes AS bytes_before, row_number() OVER so_far AS place
          FROM part WINDOW so_far AS (ORDER BY seq ${order})
        )
        SELECT floor.trimmed, floor.lost, message.seq, message.event, (
          SELECT max(seq) FROM hopwire_message
          WHERE ${rising} AND epoch = ${epoch} AND room = ${room} AND seq > floor.trimmed
            AND seq <= greatest(${after}::bigint, floor.trimmed)
        ) AS before
        FROM floor LEFT JOIN (
          SELECT m.seq, m.event FROM sized
          JOIN hopwire_message m ON m.epoch = ${epoch} AND m.room = ${room} AND m.seq = sized.seq
          WHERE sized.place <= 2 OR sized.bytes_before <= ${maxBytes}::bigint
        ) message ON true
        ORDER BY message.seq ${order}`;
    });
    const { trimmed, lost, before } = rows[0]!;
    return assemblePage(query, {
      rows: rows.filter(({ seq }) => seq !== null).map(({ seq, event }) => ({ seq: seq!, event })),
      before: before ?? 0,
      trimmed,
      lost,
    });
  }

  async lastSeq(epoch: string): Promise<number | null> {
    const rows = await this.#database.run((sql) =>
      sql<{ last_seq: number }[]>`SELECT last_seq FROM hopwire_log WHERE epoch = ${epoch}`
    );
    return rows[0]?.last_seq ?? null;
  }

  async markLost(epoch: string, upTo: number): Promise<void> {
    await this.#database.run((sql) =>
      sql`
      INSERT INTO hopwire_log AS l (epoch, last_seq, lost_to)
      VALUES (${epoch}, ${upTo}, ${upTo})
      ON CONFLICT (epoch) DO UPDATE SET
        last_seq = greatest(l.last_seq, excluded.last_seq),
        lost_to = greatest(l.lost_to, excluded.lost_to)`
    );
  }

  async quarantine(epoch: string, above: number): Promise<number> {
    const to = `${epoch}~${Date.now().toString(36)}`;
    const rows = await this.#database.run((sql) =>
      sql<{ count: number }[]>`
      WITH moved AS (
        UPDATE hopwire_message SET epoch = ${to} WHERE epoch = ${epoch} AND seq > ${above}
        RETURNING 1
      ), lowered AS (
        UPDATE hopwire_trimmed SET seq = ${above} WHERE epoch = ${epoch} AND seq > ${above}
      ), log AS (
        UPDATE hopwire_log
        SET last_seq = least(last_seq, ${above}), lost_to = least(lost_to, ${above})
        WHERE epoch = ${epoch}
      )
      SELECT count(*) FROM moved`
    );
    return rows[0]!.count;
  }

  async rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]> {
    const { epoch, room } = after ?? { epoch: "", room: "" };
    // One index step per room. The messages in between are not visited.
    const rows = await this.#database.run((sql) =>
      sql<RoomKey[]>`
      WITH RECURSIVE walk AS (
        (SELECT epoch, room FROM hopwire_message WHERE (epoch, room) > (${epoch}, ${room})
          ORDER BY epoch, room LIMIT 1)
        UNION ALL
        SELECT next.epoch, next.room FROM walk, LATERAL (
          SELECT epoch, room FROM hopwire_message m
          WHERE (m.epoch, m.room) > (walk.epoch, walk.room) ORDER BY epoch, room LIMIT 1
        ) next
      )
      SELECT epoch, room FROM walk LIMIT ${limit}::int`
    );
    return rows.map(({ epoch, room }) => ({ epoch, room }));
  }

  async trim(targets: readonly TrimTarget[]): Promise<{ removed: number; more: boolean }> {
    const rows = await this.#database.run((sql) =>
      sql<{ count: number }[]>`
      WITH target AS (
        SELECT * FROM unnest(
          ${targets.map(({ epoch }) => epoch)}::text[],
          ${targets.map(({ room }) => room)}::text[],
          ${targets.map(({ storedBefore }) => storedBefore ?? null)}::bigint[],
          ${targets.map(({ keep }) => keep ?? null)}::bigint[]
        ) AS t (epoch, room, stored_before, keep)
      ), cut AS (
        SELECT t.epoch, t.room, (
          SELECT max(seq) FROM (
            SELECT seq, bool_and(
              coalesce(seq <= excess.seq, false) OR coalesce(stored_at < t.stored_before, false)
            ) OVER (ORDER BY seq) AS goes
            FROM (
              SELECT m.seq, m.stored_at FROM hopwire_message m
              WHERE m.epoch = t.epoch AND m.room = t.room ORDER BY m.seq LIMIT ${MAX_TRIM_ROWS}::int
            ) oldest
          ) judged WHERE goes
        ) AS seq
        FROM target t LEFT JOIN LATERAL (
          SELECT m.seq FROM hopwire_message m WHERE m.epoch = t.epoch AND m.room = t.room
          ORDER BY m.seq DESC LIMIT 1 OFFSET t.keep
        ) excess ON t.keep IS NOT NULL
      ), marked AS (
        INSERT INTO hopwire_trimmed AS old (epoch, room, seq)
        SELECT epoch, room, seq FROM cut WHERE seq IS NOT NULL ORDER BY epoch, room
        ON CONFLICT (epoch, room) DO UPDATE SET seq = greatest(old.seq, excluded.seq)
      ), gone AS (
        DELETE FROM hopwire_message m USING cut
        WHERE m.epoch = cut.epoch AND m.room = cut.room AND m.seq <= cut.seq
        RETURNING m.epoch, m.room
      )
      SELECT count(*) FROM gone GROUP BY epoch, room`
    );
    const removed = rows.reduce((sum, { count }) => sum + count, 0);
    return { removed, more: rows.some(({ count }) => count >= MAX_TRIM_ROWS) };
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}
