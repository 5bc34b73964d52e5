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
  type ChildStream,
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
import { readLease, takeLease } from "./sql_lease.ts";
import { readHeads, readPage, readRows, readSeqs, readTrimMarks, scanRows } from "./sql_pages.ts";
import { repairRow } from "./sql_repair.ts";
import { listDue, listRooms, setDue, trimRoom } from "./sql_retention.ts";
import { divideStream, listCounts, wantStreams } from "./sql_streams.ts";
import { countStreams, readSetting, settingsOf, STREAMS, writeSetting } from "./sql_settings.ts";

/** Makes the archive on a database. It owns the database from then on. */
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
    this.#lease = stream === ROOMS_STREAM ? "archive" : `archive ${stream}`;
    this.#prefix = settingsOf(stream);
  }

  get name(): string {
    return this.#database.name;
  }

  of(stream: string, count: number): Archive {
    const same = stream === this.#stream && count === this.#count;
    return same ? this : new SqlArchive(this.#database, stream, count);
  }

  streamCount(): Promise<number | null> {
    return countStreams(this.#database, this.#prefix);
  }

  streamCounts(): Promise<number[]> {
    return listCounts(this.#database);
  }

  wantStreams(count: number): Promise<number> {
    return wantStreams(this.#database, count);
  }

  divide(term: number, child: ChildStream): Promise<void> {
    return this.#guarded(term, (sql) => divideStream(sql, this.#stream, child));
  }

  lease(): Promise<Lease> {
    return readLease(this.#database, this.#lease);
  }

  takeLease(holder: string, seen: Lease): Promise<number | null> {
    return this.#database.write((sql) => takeLease(sql, this.#lease, holder, seen));
  }

  renewLease(term: number): Promise<void> {
    return this.#guarded(term, () => Promise.resolve());
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
      const known = await countStreams(sql, this.#prefix);
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
          "UPDATE hopwire_generation SET position = $1 WHERE epoch = $2 AND position = $3 AND stream = $4",
          to,
          epoch,
          from,
          this.#stream,
        )
        : await sql.run(
          `UPDATE hopwire_generation
          SET position = $1, mark_seq = $2, mark_time = $3, mark_hash = $4
          WHERE epoch = $5 AND position = $6 AND stream = $7`,
          to,
          mark.seq,
          mark.time,
          mark.hash,
          epoch,
          from,
          this.#stream,
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
      (sql) =>
        sql.run(
          "UPDATE hopwire_generation SET unverified = 0 WHERE epoch = $1 AND stream = $2",
          epoch,
          this.#stream,
        ),
    );
  }

  holes(epoch: string, first: number, last: number, limit: number): Promise<Hole[]> {
    return listHoles(this.#database, this.#stream, epoch, first, last, limit);
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
    return readPage(this.#database, this.#stream, query);
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
