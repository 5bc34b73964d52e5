/**
 * The archive in a SQLite file, which several processes on one machine may share.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { DatabaseSync, type StatementSync } from "node:sqlite";
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

/**
 * How long a write waits for another process's, milliseconds. It holds up this whole process, so it
 * is no longer than a NATS ping may take; writes last milliseconds, and one that fails is repeated.
 */
const BUSY_TIMEOUT_MS = 1_000;

/**
 * `synchronous=FULL`, since a batch is acked to JetStream once it is committed, and acked messages
 * are what JetStream may forget. NORMAL syncs a WAL only at checkpoints: a power cut takes the last
 * commits back, and then neither side has them. FULL costs one sync a batch, not a message.
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
`;

/**
 * The key leads with the room, so a page is one range of it. It is unique by (epoch, seq) too, since
 * a seq of a log is of one room.
 */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS message (
    epoch TEXT NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    stored_at INTEGER NOT NULL,
    event TEXT NOT NULL,
    PRIMARY KEY (epoch, room, seq)
  );
  CREATE TABLE IF NOT EXISTS log (
    epoch TEXT PRIMARY KEY,
    last_seq INTEGER NOT NULL,
    lost_to INTEGER NOT NULL
  );
  CREATE TABLE IF NOT EXISTS trimmed (
    epoch TEXT NOT NULL,
    room TEXT NOT NULL,
    seq INTEGER NOT NULL,
    PRIMARY KEY (epoch, room)
  );
`;

/** How often, and milliseconds apart, opening is tried again while another process does the same. */
const OPEN_TRIES = 100;
const OPEN_RETRY_MS = 50;

/** SQLite's code for "another process holds the lock". */
const SQLITE_BUSY = 5;

/**
 * Opens the file, making it and its folder where they are missing.
 *
 * @throws {Error} when it cannot be opened, or is no such archive
 */
export async function openSqliteArchive(path: string): Promise<Archive> {
  const slash = path.lastIndexOf("/");
  if (slash > 0) await Deno.mkdir(path.slice(0, slash), { recursive: true });
  for (let tries = 1;; tries++) {
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      database.exec(PRAGMAS);
      // A transaction: two processes that start at once make the tables one after the other.
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
      return new SqliteArchive(database);
    } catch (error) {
      database.close();
      // Turning a new file to WAL does not wait for others, whatever the timeout; nor does opening one
      // whose WAL another process recovers after a crash, which is a code of its own (261: 5 + 1 << 8).
      const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
      if (code !== SQLITE_BUSY || tries >= OPEN_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
    }
  }
}

interface Row {
  seq: number;
  event: string;
}

class SqliteArchive implements Archive {
  readonly name = "SQLite";
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  append(epoch: string, rows: readonly ArchiveRow[]): Promise<void> {
    if (rows.length === 0) return Promise.resolve();
    return this.#write(() => {
      const insert = this.#statement(`
        INSERT INTO message (epoch, room, seq, stored_at, event)
        SELECT ?1, ?2, ?3, ?4, ?5
        WHERE NOT EXISTS (SELECT 1 FROM trimmed WHERE epoch = ?1 AND room = ?2 AND seq >= ?3)
        ON CONFLICT DO NOTHING`);
      let last = 0;
      for (const { room, seq, storedAt, event } of rows) {
        // By place: an object of names costs a fifth more a row.
        insert.run(epoch, room, seq, storedAt, event);
        last = Math.max(last, seq);
      }
      this.#raiseLog(epoch, last, 0);
    });
  }

  page(query: PageQuery): Promise<ArchivePage> {
    return this.#transaction("BEGIN", () => {
      const { epoch, room } = query;
      const trimmed = this.#trimmed(epoch, room);
      const lost = this.#statement("SELECT lost_to FROM log WHERE epoch = ?")
        .get(epoch) as { lost_to: number } | undefined;
      const low = Math.max(query.after ?? 0, trimmed);
      const high = Math.min(query.ceiling, (query.before ?? Infinity) - 1);
      const rising = query.after !== undefined;
      const found = this.#statement(`
        SELECT seq, event FROM message
        WHERE epoch = ? AND room = ? AND seq > ? AND seq <= ?
        ORDER BY seq ${rising ? "ASC" : "DESC"} LIMIT ?`)
        .iterate(epoch, room, low, high, query.limit + 1);
      const rows: Row[] = [];
      let bytes = 0;
      for (const row of found) {
        const { seq, event } = row as unknown as Row;
        rows.push({ seq, event });
        bytes += Buffer.byteLength(event);
        if (rows.length > 1 && bytes > query.maxBytes) break;
      }
      const before = rising
        ? this.#statement(`
            SELECT max(seq) AS seq FROM message
            WHERE epoch = ? AND room = ? AND seq > ? AND seq <= ?`)
          .get(epoch, room, trimmed, low) as { seq: number | null }
        : null;
      return assemblePage(query, {
        rows,
        before: before?.seq ?? 0,
        trimmed,
        lost: lost?.lost_to ?? 0,
      });
    });
  }

  lastSeq(epoch: string): Promise<number | null> {
    return this.#attempt(() => {
      const row = this.#statement("SELECT last_seq FROM log WHERE epoch = ?")
        .get(epoch) as { last_seq: number } | undefined;
      return row?.last_seq ?? null;
    });
  }

  markLost(epoch: string, upTo: number): Promise<void> {
    return this.#write(() => this.#raiseLog(epoch, upTo, upTo));
  }

  setAside(epoch: string, above: number): Promise<number> {
    return this.#write(() => {
      const to = `${epoch}~${Date.now().toString(36)}`;
      const { changes } = this.#statement(
        "UPDATE message SET epoch = ? WHERE epoch = ? AND seq > ?",
      ).run(to, epoch, above);
      this.#statement("UPDATE trimmed SET seq = ? WHERE epoch = ? AND seq > ?")
        .run(above, epoch, above);
      this.#statement(
        "UPDATE log SET last_seq = min(last_seq, ?), lost_to = min(lost_to, ?) WHERE epoch = ?",
      ).run(above, above, epoch);
      return Number(changes);
    });
  }

  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]> {
    return this.#attempt(() => {
      // One step along the key a room: the messages between are not visited.
      const next = this.#statement(`
        SELECT epoch, room FROM message WHERE (epoch, room) > (?, ?)
        ORDER BY epoch, room LIMIT 1`);
      const keys: RoomKey[] = [];
      let last = after ?? { epoch: "", room: "" };
      while (keys.length < limit) {
        const key = next.get(last.epoch, last.room) as unknown as RoomKey | undefined;
        if (key === undefined) break;
        last = { epoch: key.epoch, room: key.room };
        keys.push(last);
      }
      return keys;
    });
  }

  trim(targets: readonly TrimTarget[]): Promise<{ removed: number; more: boolean }> {
    return this.#write(() => {
      let removed = 0;
      let more = false;
      for (const target of targets) {
        const gone = this.#trimRoom(target);
        removed += gone;
        more ||= gone >= MAX_TRIM_ROWS;
      }
      return { removed, more };
    });
  }

  close(): Promise<void> {
    this.#statements.clear();
    this.#database.close();
    return Promise.resolve();
  }

  #trimRoom({ epoch, room, storedBefore, keep }: TrimTarget): number {
    let newestExcess = 0;
    if (keep !== undefined) {
      const row = this.#statement(`
        SELECT seq FROM message WHERE epoch = ? AND room = ?
        ORDER BY seq DESC LIMIT 1 OFFSET ?`)
        .get(epoch, room, keep) as { seq: number } | undefined;
      newestExcess = row?.seq ?? 0;
    }
    const oldest = this.#statement(`
      SELECT seq, stored_at FROM message WHERE epoch = ? AND room = ? ORDER BY seq LIMIT ?`)
      .iterate(epoch, room, MAX_TRIM_ROWS);
    let cut = 0;
    for (const row of oldest) {
      const { seq, stored_at } = row as { seq: number; stored_at: number };
      if (seq > newestExcess && stored_at >= (storedBefore ?? -Infinity)) break;
      cut = seq;
    }
    if (cut === 0) return 0;
    this.#statement(`
      INSERT INTO trimmed (epoch, room, seq) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET seq = max(seq, excluded.seq)`).run(epoch, room, cut);
    const { changes } = this.#statement(
      "DELETE FROM message WHERE epoch = ? AND room = ? AND seq <= ?",
    ).run(epoch, room, cut);
    return Number(changes);
  }

  #trimmed(epoch: string, room: string): number {
    const row = this.#statement("SELECT seq FROM trimmed WHERE epoch = ? AND room = ?")
      .get(epoch, room) as { seq: number } | undefined;
    return row?.seq ?? 0;
  }

  #raiseLog(epoch: string, last: number, lost: number): void {
    this.#statement(`
      INSERT INTO log (epoch, last_seq, lost_to) VALUES (?, ?, ?)
      ON CONFLICT DO UPDATE SET
        last_seq = max(last_seq, excluded.last_seq), lost_to = max(lost_to, excluded.lost_to)`)
      .run(epoch, last, lost);
  }

  #write<T>(work: () => T): Promise<T> {
    // IMMEDIATE: the lock is waited for at once. A read lock that is to become a write lock is not.
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  #transaction<T>(begin: string, work: () => T): Promise<T> {
    return this.#attempt(() => {
      this.#database.exec(begin);
      try {
        const value = work();
        this.#database.exec("COMMIT");
        return value;
      } catch (error) {
        if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
        throw error;
      }
    });
  }

  /** What a synchronous call throws is the promise's rejection. */
  #attempt<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => resolve(work()));
  }

  #statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }
}
