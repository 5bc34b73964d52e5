/**
 * The archive on a database: the lease, the generations and what is appended. The pages are in
 * `sql_pages.ts`, retention in `sql_retention.ts`.
 *
 * @module
 */
import {
  type Archive,
  type ArchivePage,
  type ArchiveRow,
  type Batch,
  type Generation,
  type Hole,
  isErased,
  type Lease,
  LeaseLost,
  type PageQuery,
  PositionMoved,
  type RoomKey,
  type RowKey,
  type TrimTarget,
} from "./archive.ts";
import type { Database, Sql } from "./database.ts";
import { insertHole, listHoles, listUnexplained } from "./sql_holes.ts";
import { readHeads, readPage, readRows, readSeqs, readTrimMarks, scanRows } from "./sql_pages.ts";
import { listDue, listRooms, setDue, trimRoom } from "./sql_retention.ts";

/** Makes the archive on a database. The archive owns the database from then on. */
export function createArchive(database: Database): Archive {
  return new SqlArchive(database);
}

class SqlArchive implements Archive {
  readonly #database: Database;

  constructor(database: Database) {
    this.#database = database;
  }

  get name(): string {
    return this.#database.name;
  }

  async lease(): Promise<Lease> {
    const [lease] = await this.#database.all<Lease>("SELECT holder, term, beat FROM hopwire_lease");
    if (lease === undefined) throw new Error("the archive's lease is missing");
    return { ...lease };
  }

  takeLease(holder: string, seen: Lease): Promise<number | null> {
    return this.#database.write(async (sql) => {
      const taken = await sql.run(
        `UPDATE hopwire_lease SET holder = $1, term = term + 1, beat = 0
        WHERE holder = $2 AND term = $3 AND beat = $4`,
        holder,
        seen.holder,
        seen.term,
        seen.beat,
      );
      return taken === 0 ? null : seen.term + 1;
    });
  }

  async renewLease(term: number): Promise<void> {
    await this.#guarded(term, () => Promise.resolve());
  }

  async releaseLease(term: number): Promise<void> {
    await this.#guarded(term, (sql) => sql.run("UPDATE hopwire_lease SET holder = ''"));
  }

  async generations(): Promise<Generation[]> {
    const rows = await this.#database.all<GenerationRow>(
      "SELECT * FROM hopwire_generation ORDER BY ordinal",
    );
    return rows.map((row) => ({
      epoch: row.epoch,
      firstSeq: row.first_seq,
      position: row.position,
      mark: row.mark_seq === null
        ? null
        : { seq: row.mark_seq, time: row.mark_time!, hash: row.mark_hash! },
      unverified: row.unverified !== 0,
    }));
  }

  async startGeneration(
    term: number,
    epoch: string,
    firstSeq: number,
    holes: readonly Hole[] = [],
  ): Promise<void> {
    await this.#guarded(term, async (sql) => {
      await sql.run(
        `INSERT INTO hopwire_generation (ordinal, epoch, first_seq, position, unverified)
        SELECT coalesce(max(ordinal), 0) + 1, $1, CAST($2 AS bigint), CAST($3 AS bigint), 0
        FROM hopwire_generation`,
        epoch,
        firstSeq,
        firstSeq - 1,
      );
      for (const hole of holes) await insertHole(sql, epoch, hole);
    });
  }

  async append(term: number, batch: Batch): Promise<void> {
    const { epoch, from, to, rows, holes, mark, due = [] } = batch;
    await this.#guarded(term, async (sql) => {
      const moved = mark === undefined
        ? await sql.run(
          "UPDATE hopwire_generation SET position = $1 WHERE epoch = $2 AND position = $3",
          to,
          epoch,
          from,
        )
        : await sql.run(
          `UPDATE hopwire_generation
          SET position = $1, mark_seq = $2, mark_time = $3, mark_hash = $4
          WHERE epoch = $5 AND position = $6`,
          to,
          mark.seq,
          mark.time,
          mark.hash,
          epoch,
          from,
        );
      if (moved === 0) throw new PositionMoved();
      await sql.insert(epoch, rows);
      for (const hole of holes) await insertHole(sql, epoch, hole);
      for (const { room, at } of due) await setDue(sql, { epoch, room }, at);
    });
  }

  async markVerified(term: number, epoch: string): Promise<void> {
    await this.#guarded(
      term,
      (sql) => sql.run("UPDATE hopwire_generation SET unverified = 0 WHERE epoch = $1", epoch),
    );
  }

  holes(epoch: string, first: number, last: number, limit: number): Promise<Hole[]> {
    return listHoles(this.#database, epoch, first, last, limit);
  }

  unexplained(limit: number): Promise<(Hole & { epoch: string })[]> {
    return listUnexplained(this.#database, limit);
  }

  async resolveHole(
    term: number,
    epoch: string,
    { first, kind }: Hole,
    found: { rows: readonly ArchiveRow[]; holes: readonly Hole[] },
  ): Promise<void> {
    await this.#guarded(term, async (sql) => {
      const gone = await sql.run(
        "DELETE FROM hopwire_hole WHERE epoch = $1 AND first_seq = $2 AND kind = $3",
        epoch,
        first,
        kind,
      );
      if (gone === 0) return;
      await sql.insert(epoch, found.rows);
      for (const hole of found.holes) await insertHole(sql, epoch, hole);
    });
  }

  page(query: PageQuery): Promise<ArchivePage> {
    return readPage(this.#database, query);
  }

  heads(epoch: string, rooms: readonly string[]): Promise<number[]> {
    return readHeads(this.#database, epoch, rooms);
  }

  rows(epoch: string, keys: readonly { room: string; seq: number }[]): Promise<ArchiveRow[]> {
    return readRows(this.#database, epoch, keys);
  }

  trimMarks(epoch: string, rooms: readonly string[]): Promise<number[]> {
    return readTrimMarks(this.#database, epoch, rooms);
  }

  seqs(key: RoomKey, first: number, last: number, limit: number): Promise<number[]> {
    return readSeqs(this.#database, key, first, last, limit);
  }

  scan(after: RowKey | null, limit: number): Promise<(ArchiveRow & { epoch: string })[]> {
    return scanRows(this.#database, after, limit);
  }

  async repair(term: number, epoch: string, rows: readonly ArchiveRow[]): Promise<void> {
    await this.#guarded(term, async (sql) => {
      for (const row of rows) {
        const [trimmed] = await sql.all<{ seq: number }>(
          "SELECT seq FROM hopwire_trimmed WHERE epoch = $1 AND room = $2",
          epoch,
          row.room,
        );
        if (row.seq <= (trimmed?.seq ?? 0)) continue;
        const [there] = await sql.all<{ event: string }>(
          "SELECT event FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq = $3",
          epoch,
          row.room,
          row.seq,
        );
        if (there !== undefined && isErased(there.event)) continue;
        await deleteRow(sql, epoch, row);
        await sql.insert(epoch, [row]);
        await setDue(sql, { epoch, room: row.room }, 0);
      }
    });
  }

  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]> {
    return listRooms(this.#database, after, limit);
  }

  due(now: number, limit: number): Promise<RoomKey[]> {
    return listDue(this.#database, now, limit);
  }

  async markDue(term: number, keys: readonly RoomKey[]): Promise<void> {
    await this.#guarded(term, async (sql) => {
      for (const key of keys) await setDue(sql, key, 0);
    });
  }

  trim(term: number, target: TrimTarget): Promise<number> {
    return this.#guarded(term, (sql) => trimRoom(sql, target));
  }

  async setting(key: string): Promise<string | null> {
    const [row] = await this.#database.all<{ value: string }>(
      "SELECT value FROM hopwire_setting WHERE key = $1",
      key,
    );
    return row?.value ?? null;
  }

  async writeSetting(term: number, key: string, value: string): Promise<void> {
    await this.#guarded(term, (sql) =>
      sql.run(
        `INSERT INTO hopwire_setting (key, value) VALUES ($1, $2)
        ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
        key,
        value,
      ));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Runs work in a transaction that also proves that this instance still holds the lease. */
  #guarded<T>(term: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#database.write(async (sql) => {
      const held = await sql.run("UPDATE hopwire_lease SET beat = beat + 1 WHERE term = $1", term);
      if (held === 0) throw new LeaseLost();
      return await work(sql);
    });
  }
}

interface GenerationRow {
  epoch: string;
  first_seq: number;
  position: number;
  mark_seq: number | null;
  mark_time: string | null;
  mark_hash: string | null;
  unverified: number;
}

async function deleteRow(
  sql: Sql,
  epoch: string,
  { room, seq }: { room: string; seq: number },
): Promise<void> {
  await sql.run(
    "DELETE FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq = $3",
    epoch,
    room,
    seq,
  );
}
