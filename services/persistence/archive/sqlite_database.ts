/**
 * The SQLite file of the archive. Its statements are synchronous and block this process.
 *
 * @module
 */
import { DatabaseSync, type StatementSync } from "node:sqlite";
import type { ArchiveRow } from "./archive.ts";
import type { Database, Parameter, Sql } from "./database.ts";
import { type Dialect, migrate } from "./migrations.ts";

/**
 * How long a transaction waits for the lock of another connection, and the time between two attempts,
 * milliseconds. Transactions take milliseconds, and callers retry one that fails.
 */
const BUSY_TIMEOUT_MS = 1_000;
const BUSY_RETRY_MS = 5;

/** How long a statement may block this process for a lock, milliseconds: for a recovery of the WAL. */
const BLOCK_MS = 20;

/**
 * `synchronous=FULL`, because JetStream may forget a batch once it is committed. NORMAL syncs a WAL
 * only at checkpoints: a power cut would undo the last commits. FULL costs one sync per batch.
 */
const PRAGMAS = `
  PRAGMA journal_mode = WAL;
  PRAGMA synchronous = FULL;
`;

/** How often and at which interval (milliseconds) opening is retried while the file is locked. */
const OPEN_TRIES = 100;
const OPEN_RETRY_MS = 50;

const DIALECT: Dialect = {
  text: "TEXT",
  first: { message: "message", log: "log", trimmed: "trimmed" },
  async exists(sql, table) {
    const found = await sql.all("SELECT 1 FROM sqlite_master WHERE name = $1", table);
    return found.length > 0;
  },
};

/**
 * Opens the file and brings its tables up to date. Creates the file and its folder if they are
 * missing; only their owner may read them.
 *
 * @throws {Error} if the file cannot be opened, is not a SQLite database, or is too new
 */
export async function openSqliteDatabase(path: string): Promise<Database> {
  const slash = path.lastIndexOf("/");
  if (slash > 0) await Deno.mkdir(path.slice(0, slash), { recursive: true, mode: 0o700 });
  if (!path.startsWith(":")) {
    // SQLite gives its other files the mode of this one.
    (await Deno.open(path, { write: true, create: true, mode: 0o600 })).close();
    await Deno.chmod(path, 0o600);
  }
  for (let tries = 1;; tries++) {
    let file: SqliteDatabase | undefined;
    try {
      file = new SqliteDatabase(new DatabaseSync(path, { timeout: BLOCK_MS }));
      await file.prepare();
      return file;
    } catch (error) {
      await file?.close();
      // Switching a new file to WAL ignores the timeout. So does opening a file whose WAL another
      // process is recovering after a crash.
      if (!isBusy(error) || tries >= OPEN_TRIES) throw error;
      await new Promise((resolve) => setTimeout(resolve, OPEN_RETRY_MS));
    }
  }
}

class SqliteDatabase implements Database, Sql {
  readonly name = "SQLite";
  readonly #database: DatabaseSync;
  readonly #statements = new Map<string, StatementSync>();
  /** The end of the transaction in progress: statements of others must not get into it. */
  #idle: Promise<unknown> = Promise.resolve();
  #writing = false;

  constructor(database: DatabaseSync) {
    this.#database = database;
  }

  async prepare(): Promise<void> {
    this.#database.exec(PRAGMAS);
    await this.write((sql) => migrate(sql, DIALECT));
  }

  async all<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]> {
    while (this.#writing) await this.#idle;
    return await this.#sql.all(text, ...parameters);
  }

  queued<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]> {
    return this.all(text, ...parameters);
  }

  async run(text: string, ...parameters: Parameter[]): Promise<number> {
    while (this.#writing) await this.#idle;
    return await this.#sql.run(text, ...parameters);
  }

  insert(epoch: string, rows: readonly ArchiveRow[]): Promise<void> {
    return this.write((sql) => sql.insert(epoch, rows));
  }

  async write<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    while (this.#writing) await this.#idle;
    this.#writing = true;
    const done = Promise.withResolvers<void>();
    this.#idle = done.promise;
    try {
      await this.#begin();
      const value = await work(this.#sql);
      this.#database.exec("COMMIT");
      return value;
    } catch (error) {
      if (this.#database.isTransaction) this.#database.exec("ROLLBACK");
      throw error;
    } finally {
      this.#writing = false;
      done.resolve();
    }
  }

  /** Begins a transaction once no other connection has one. */
  async #begin(): Promise<void> {
    const deadline = performance.now() + BUSY_TIMEOUT_MS;
    for (;;) {
      try {
        // IMMEDIATE takes the write lock. Upgrading a read lock later might fail.
        return this.#database.exec("BEGIN IMMEDIATE");
      } catch (error) {
        if (!isBusy(error) || performance.now() > deadline) throw error;
      }
      await new Promise((resolve) => setTimeout(resolve, BUSY_RETRY_MS));
    }
  }

  close(): Promise<void> {
    this.#statements.clear();
    if (this.#database.isOpen) this.#database.close();
    return Promise.resolve();
  }

  readonly #sql: Sql = {
    all: <Row>(text: string, ...parameters: Parameter[]) =>
      new Promise<Row[]>((resolve) =>
        resolve(this.#statement(text).all(...parameters) as unknown as Row[])
      ),
    run: (text, ...parameters) =>
      new Promise((resolve) => resolve(Number(this.#statement(text).run(...parameters).changes))),
    insert: (epoch, rows) =>
      new Promise((resolve) => {
        // Positional parameters: named ones take 20 % longer per row.
        const insert = this.#statement(
          "INSERT INTO hopwire_message (epoch, room, seq, stored_at, event) VALUES ($1, $2, $3, $4, $5)",
        );
        for (const { room, seq, storedAt, event } of rows) {
          insert.run(epoch, room, seq, storedAt, event);
        }
        resolve();
      }),
  };

  /** Returns the prepared statement of a text. Prepares each text once. */
  #statement(text: string): StatementSync {
    let statement = this.#statements.get(text);
    if (statement === undefined) {
      statement = this.#database.prepare(text.replace(/\$(\d+)/g, "?$1"));
      this.#statements.set(text, statement);
    }
    return statement;
  }
}

/** Whether another connection holds the lock. Deno's errors carry no code, only SQLite's text. */
function isBusy(error: unknown): boolean {
  return /database is locked/.test(String(error));
}
