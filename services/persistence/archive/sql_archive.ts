/**
 * The archive on a database: the leases, the generations and what is appended. The pages are in
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
  type Lease,
  LeaseLost,
  type PageQuery,
  PositionMoved,
  type RoomKey,
  type RowKey,
  StreamsDiffer,
  type TrimTarget,
} from "./archive.ts";
import { ROOMS_STREAM } from "../../contract/mod.ts";
import type { Database, Sql } from "./database.ts";
import { insertHole, listHoles, listUnexplained } from "./sql_holes.ts";
import { readHeads, readPage, readRows, readSeqs, readTrimMarks, scanRows } from "./sql_pages.ts";
import { repairRow } from "./sql_repair.ts";
import { listDue, listRooms, setDue, trimRoom } from "./sql_retention.ts";
import { countStreams, readSetting, STREAMS, writeSetting } from "./sql_settings.ts";

/** Makes the archive on a database. The archive owns the database from then on. */
export function createArchive(database: Database): Archive {
  return new SqlArchive(database);
}

class SqlArchive implements Archive {
  readonly #database: Database;
  readonly #stream: string;
  /** How many streams the log has. */
  readonly #count: number;
  /** The name of the stream's lease, and what the names of its settings begin with. */
  readonly #lease: string;
  readonly #prefix: string;

  constructor(database: Database, stream = ROOMS_STREAM, count = 1) {
    this.#database = database;
    this.#stream = stream;
    this.#count = count;
    const first = stream === ROOMS_STREAM;
    this.#lease = first ? "archive" : `archive ${stream}`;
    this.#prefix = first ? "" : `${stream} `;
  }

  get name(): string {
    return this.#database.name;
  }

  of(stream: string, count: number): Archive {
    const same = stream === this.#stream && count === this.#count;
    return same ? this : new SqlArchive(this.#database, stream, count);
  }

  streamCount(): Promise<number | null> {
    return countStreams(this.#database);
  }

  async lease(): Promise<Lease> {
    const [lease] = await this.#database.all<Lease>(
      "SELECT holder, term, beat FROM hopwire_lease WHERE name = $1",
      this.#lease,
    );
    return lease === undefined ? { holder: "", term: 0, beat: 0 } : { ...lease };
  }

  takeLease(holder: string, seen: Lease): Promise<number | null> {
    return this.#database.write(async (sql) => {
      await sql.run(
        `INSERT INTO hopwire_lease (name, holder, term, beat) VALUES ($1, '', 0, 0)
        ON CONFLICT (name) DO NOTHING`,
        this.#lease,
      );
      const taken = await sql.run(
        `UPDATE hopwire_lease SET holder = $1, term = term + 1, beat = 0
        WHERE name = $2 AND holder = $3 AND term = $4 AND beat = $5`,
        holder,
        this.#lease,
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
    await this.#guarded(
      term,
      (sql) => sql.run("UPDATE hopwire_lease SET holder = '' WHERE name = $1", this.#lease),
    );
  }

  async generations(): Promise<Generation[]> {
    const rows = await this.#database.all<GenerationRow>(
      "SELECT * FROM hopwire_generation WHERE stream = $1 ORDER BY ordinal",
      this.#stream,
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
      const known = await countStreams(sql);
      if (known !== null && known !== this.#count) throw new StreamsDiffer(this.#count, known);
      if (known === null && this.#count > 1) await writeSetting(sql, STREAMS, String(this.#count));
      await sql.run(
        `INSERT INTO hopwire_generation (ordinal, epoch, first_seq, position, unverified, stream)
        SELECT coalesce(max(ordinal), 0) + 1, $1, CAST($2 AS bigint), CAST($3 AS bigint), 0, $4
        FROM hopwire_generation`,
        epoch,
        firstSeq,
        firstSeq - 1,
        this.#stream,
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
    return listUnexplained(this.#database, this.#stream, limit);
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
      for (const row of rows) await repairRow(sql, epoch, row);
    });
  }

  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]> {
    return listRooms(this.#database, this.#stream, after, limit);
  }

  due(now: number, limit: number): Promise<RoomKey[]> {
    return listDue(this.#database, this.#stream, now, limit);
  }

  async markDue(term: number, keys: readonly RoomKey[]): Promise<void> {
    await this.#guarded(term, async (sql) => {
      for (const key of keys) await setDue(sql, key, 0);
    });
  }

  trim(term: number, target: TrimTarget): Promise<number> {
    return this.#guarded(term, (sql) => trimRoom(sql, target));
  }

  setting(key: string): Promise<string | null> {
    return readSetting(this.#database, this.#prefix + key);
  }

  async writeSetting(term: number, key: string, value: string): Promise<void> {
    await this.#guarded(term, (sql) => writeSetting(sql, this.#prefix + key, value));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }

  /** Runs work in a transaction that also proves that this instance still holds the lease. */
  #guarded<T>(term: number, work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#database.write(async (sql) => {
      const held = await sql.run(
        "UPDATE hopwire_lease SET beat = beat + 1 WHERE name = $1 AND term = $2",
        this.#lease,
        term,
      );
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
