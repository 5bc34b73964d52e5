/**
 * The SQLite file of the archive: its tables, transactions and prepared statements.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";

/**
 * How long a write waits for the lock of another process, milliseconds. The wait blocks this whole
 * process, so it is shorter than NATS's ping timeout. Writes take milliseconds, and a failed one is
 * retried.
 */
const BUSY_TIMEOUT_MS = 1_000;

/**
 * `synchronous=FULL`, because a batch is acked to JetStream once it is committed, and JetStream may
 * then forget it. NORMAL syncs a WAL only at checkpoints. A power cut would undo the last commits,
 * and neither side would have the messages. FULL costs one sync per batch.
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
`;

/**
 * The key has the room before the seq, so a page is one range of it. (epoch, seq) is unique too,
 * because a seq belongs to one room.
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

/** How often and at which interval (milliseconds) opening is retried while the file is locked. */
const OPEN_TRIES = 100;
const OPEN_RETRY_MS = 50;

/** SQLite's result code for "another process holds the lock". */
const SQLITE_BUSY = 5;

/**
 * Opens the file. Creates it and its folder if they are missing.
 *
 * @throws {Error} if the file cannot be opened or is not a SQLite database
 */
export async function openSqliteFile(path: string): Promise<SqliteFile> {
  const slash = path.lastIndexOf("/");
  if (slash > 0) await Deno.mkdir(path.slice(0, slash), { recursive: true });
  for (let tries = 1;; tries++) {
    const database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT_MS });
    try {
      database.exec(PRAGMAS);
      // The transaction serialises processes that start at the same time.
      database.exec(`BEGIN IMMEDIATE; ${SCHEMA} COMMIT;`);
      return new SqliteFile(database);
    } catch (error) {
      database.close();
      // Switching a new file to WAL ignores the busy timeout. So does opening a file whose WAL
      // another process is recovering after a crash, which has its own code (261: 5 + 1 << 8).
      const code = ((error as { errcode?: number }).errcode ?? 0) & 0xff;
      if (code !== SQLITE_BUSY || tries >= OPEN_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
    }
  }
}

/** An open file. Its statements are synchronous and block this process. */
export class SqliteFile {
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();

  /** Takes ownership of `database`, whose tables exist. */
  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** Runs work in a transaction that reads one snapshot. */
  read<T>(work: () => T): Promise<T> {
    return this.#transaction("BEGIN", work);
  }

  /** Runs work in a transaction that writes. */
  write<T>(work: () => T): Promise<T> {
    // IMMEDIATE waits for the write lock. Upgrading a read lock to a write lock would not wait.
    return this.#transaction("BEGIN IMMEDIATE", work);
  }

  #transaction<T>(begin: string, work: () => T): Promise<T> {
    return this.run(() => {
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

  /** Runs synchronous work. Turns an exception into a rejection. */
  run<T>(work: () => T): Promise<T> {
    return new Promise((resolve) => resolve(work()));
  }

  /** Returns the prepared statement of a text. Prepares each text once. */
  statement(sql: string): StatementSync {
    let statement = this.#statements.get(sql);
    if (statement === undefined) {
      statement = this.#database.prepare(sql);
      this.#statements.set(sql, statement);
    }
    return statement;
  }

  /** Closes the file. */
  close(): void {
    this.#statements.clear();
    this.#database.close();
  }
}
