/**
 * The PostgreSQL database of the archive: a connection that writes, others that read, and recovery
 * from a server that hangs.
 *
 * @module
 */
import pg from "pg";
import type { ArchiveRow } from "./archive.ts";
import type { Database, Parameter, Sql } from "./database.ts";
import { type Dialect, migrate } from "./migrations.ts";

/** Most connections of one instance that read. Appends have a connection of their own. */
const MAX_READERS = 5;

/**
 * How long an operation may take before its connections are abandoned, milliseconds. A server that
 * vanishes silently (no RST) would otherwise block them for the minutes of TCP's timeout.
 */
const DEADLINE_MS = 10_000;

/**
 * How long the server lets a transaction of ours wait for us, milliseconds. A writer that hangs in
 * the middle of a transaction must not keep the lease's row locked longer than the lease lasts.
 */
const IDLE_TRANSACTION_MS = 1_000;

/** How long an upgrade of the tables may take, milliseconds. */
const UPGRADE_MS = 3_600_000;

/** How long connecting may take, and how long closing waits for statements in progress, milliseconds. */
const CONNECT_MS = 5_000;
const CLOSE_MS = 2_000;

/** The key of the advisory lock for creating the tables: "hop" in ASCII. */
const SCHEMA_LOCK = 0x686f70;

/** PostgreSQL's number for the type bigint. */
const BIGINT = 20;

/** `COLLATE "C"` compares names byte by byte, so every server orders them alike. */
const DIALECT: Dialect = {
  text: 'text COLLATE "C"',
  first: { message: "hopwire_message", log: "hopwire_log", trimmed: "hopwire_trimmed" },
  async exists(sql, table) {
    const [row] = await sql.all<{ found: string | null }>(
      "SELECT CAST(to_regclass($1) AS text) AS found",
      table,
    );
    return row!.found !== null;
  },
};

/** Converts bigint to number. Seqs and milliseconds are far below 2^53. */
const types = {
  getTypeParser(type: number, format?: "text" | "binary") {
    return type === BIGINT ? Number : pg.types.getTypeParser(type, format);
  },
};

interface Pools {
  writer: pg.Pool;
  readers: pg.Pool;
}

function connect(url: string, max: number, deadline: number): pg.Pool {
  const pool = new pg.Pool({
    connectionString: url,
    max,
    connectionTimeoutMillis: Math.min(CONNECT_MS, deadline),
    application_name: "hopwire-persistence",
    idle_in_transaction_session_timeout: IDLE_TRANSACTION_MS,
    keepAlive: true,
    types: types as pg.CustomTypesConfig,
  });
  // The pool replaces a connection that was lost while nobody used it.
  pool.on("error", () => {});
  return pool;
}

/**
 * Opens the database at a URL. Connects at the first operation, and reconnects in later ones if
 * necessary. `deadline` is the time limit of an operation, milliseconds.
 */
export function openPostgresDatabase(url: string, deadline: number = DEADLINE_MS): Database {
  return new PostgresDatabase(url, deadline);
}

class PostgresDatabase implements Database {
  readonly name = "PostgreSQL";
  readonly #url: string;
  readonly #deadline: number;
  #pools: Pools;
  #tables: Promise<void> | undefined;
  readonly #turns = new Turns(MAX_READERS - 1);

  constructor(url: string, deadline: number) {
    this.#url = url;
    this.#deadline = deadline;
    this.#pools = this.#connect();
  }

  all<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]> {
    return this.#run(async ({ readers }) =>
      (await readers.query(prepared(text, parameters))).rows as Row[]
    );
  }

  async queued<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]> {
    // Waiting here does not count against the deadline, which abandons connections that hang.
    await this.#turns.enter();
    try {
      return await this.all(text, ...parameters);
    } finally {
      this.#turns.leave();
    }
  }

  write<T>(work: (sql: Sql) => Promise<T>): Promise<T> {
    return this.#run(({ writer }) => transact(writer, work));
  }

  /** Closes the connections, after the statements in progress or 2 s. */
  async close(): Promise<void> {
    await end(this.#pools, CLOSE_MS);
  }

  #connect(): Pools {
    const open = (max: number) => connect(this.#url, max, this.#deadline);
    return { writer: open(1), readers: open(MAX_READERS) };
  }

  /** Runs an operation once the tables are up to date. Abandons the connections if it takes too long. */
  async #run<T>(operation: (pools: Pools) => Promise<T>): Promise<T> {
    const pools = this.#pools;
    await this.#upgraded(pools);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#abandon(pools);
        reject(new Error(`PostgreSQL did not answer in ${this.#deadline} ms`));
      }, this.#deadline);
    });
    const working = operation(pools);
    // Nobody waits for it after the deadline.
    working.catch(() => {});
    try {
      return await Promise.race([working, late]);
    } catch (error) {
      // The tables may no longer exist: another database may answer next.
      this.#tables = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Brings the tables up to date, which may take long: an old archive is read once. */
  async #upgraded(pools: Pools): Promise<void> {
    const tables = this.#tables ??= createTables(pools.writer);
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#abandon(pools);
        reject(new Error("the upgrade of the archive's tables took too long"));
      }, UPGRADE_MS);
    });
    try {
      await Promise.race([tables, late]);
    } catch (error) {
      if (this.#tables === tables) this.#tables = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  #abandon(pools: Pools): void {
    if (this.#pools !== pools) return;
    this.#pools = this.#connect();
    this.#tables = undefined;
    void end(pools, 0);
  }
}

/** Ends the connections of both pools, after `ms` milliseconds even if statements are in progress. */
async function end({ writer, readers }: Pools, ms: number): Promise<void> {
  const pools = [writer, readers];
  const cut = setTimeout(() => {
    // The pool has no way to end connections that are in use.
    for (const pool of pools) {
      const { _clients } = pool as unknown as { _clients: { connection: { stream: CutStream } }[] };
      for (const client of [..._clients]) client.connection.stream.destroy();
    }
  }, ms);
  await Promise.all(pools.map((pool) => pool.end().catch(() => {})));
  clearTimeout(cut);
}

/** Lets a number of callers in at a time, in order. The callers bound how many wait. */
class Turns {
  #free: number;
  readonly #waiting: (() => void)[] = [];

  constructor(count: number) {
    this.#free = count;
  }

  async enter(): Promise<void> {
    if (this.#free > 0) this.#free--;
    else await new Promise<void>((resolve) => this.#waiting.push(resolve));
  }

  leave(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free++;
    else next();
  }
}

interface CutStream {
  destroy(): void;
}

/** Runs work in a transaction on a pool's connection. */
async function transact<T>(pool: pg.Pool, work: (sql: Sql) => Promise<T>): Promise<T> {
  const client = await pool.connect();
  let failure: Error | undefined;
  const onError = (error: Error) => void (failure = error);
  client.on("error", onError);
  try {
    await client.query("BEGIN");
    const value = await work(statementsOf(client));
    await client.query("COMMIT");
    return value;
  } catch (error) {
    await client.query("ROLLBACK").catch((lost: Error) => failure ??= lost);
    throw error;
  } finally {
    client.off("error", onError);
    // A connection that could not be rolled back is not used again.
    client.release(failure);
  }
}

/** The names of prepared statements. There are as many as texts in this folder: a few dozens. */
const names = new Map<string, string>();

/** Makes a statement that is parsed once per connection. */
function prepared(text: string, values: unknown[]): pg.QueryConfig {
  let name = names.get(text);
  if (name === undefined) names.set(text, name = `hopwire_${names.size}`);
  return { name, text, values };
}

function statementsOf(client: pg.PoolClient): Sql {
  return {
    async all<Row>(text: string, ...parameters: Parameter[]) {
      return (await client.query(prepared(text, parameters))).rows as Row[];
    },
    async run(text, ...parameters) {
      return (await client.query(prepared(text, parameters))).rowCount ?? 0;
    },
    async insert(epoch: string, rows: readonly ArchiveRow[]) {
      if (rows.length === 0) return;
      await client.query(prepared(
        `INSERT INTO hopwire_message (epoch, room, seq, stored_at, event)
        SELECT $1, r.room, r.seq, r.stored_at, r.event
        FROM unnest($2::text[], $3::bigint[], $4::bigint[], $5::text[])
          AS r (room, seq, stored_at, event)`,
        [
          epoch,
          rows.map(({ room }) => room),
          rows.map(({ seq }) => seq),
          rows.map(({ storedAt }) => storedAt),
          rows.map(({ event }) => event),
        ],
      ));
    },
  };
}

/** Brings the tables up to date. The lock serialises instances that start at the same time. */
async function createTables(writer: pg.Pool): Promise<void> {
  await transact(writer, async (sql) => {
    await sql.all(`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`);
    await migrate(sql, DIALECT);
  });
}
