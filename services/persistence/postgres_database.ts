/**
 * The PostgreSQL database of the archive: its tables, and connections that recover from a server
 * that hangs.
 *
 * @module
 */
import postgres from "postgres";

/** Most connections of one instance. One appends, the others read pages. */
const MAX_CONNECTIONS = 6;

/**
 * How long an operation may take before its connections are abandoned, milliseconds. A server that
 * vanishes silently (no RST) would otherwise block them for the minutes of TCP's timeout.
 */
const DEADLINE_MS = 10_000;

/** The key of the advisory lock for creating the tables: "hop" in ASCII. */
const SCHEMA_LOCK = 0x686f70;

/** `COLLATE "C"` compares names byte by byte, so every server orders them alike. */
const SCHEMA = `
  CREATE TABLE IF NOT EXISTS hopwire_message (
    epoch text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    stored_at bigint NOT NULL,
    event text NOT NULL,
    PRIMARY KEY (epoch, room, seq)
  );
  CREATE TABLE IF NOT EXISTS hopwire_log (
    epoch text COLLATE "C" PRIMARY KEY,
    last_seq bigint NOT NULL,
    lost_to bigint NOT NULL
  );
  CREATE TABLE IF NOT EXISTS hopwire_trimmed (
    epoch text COLLATE "C" NOT NULL,
    room text COLLATE "C" NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (epoch, room)
  );
`;

/** Converts bigint to number. Seqs and milliseconds are far below 2^53. */
const BIGINT = { to: 20, from: [20], parse: Number, serialize: String };

function connect(url: string) {
  return postgres(url, {
    max: MAX_CONNECTIONS,
    connect_timeout: 5,
    connection: { application_name: "hopwire-persistence" },
    types: { bigint: BIGINT },
    onnotice: () => {},
  });
}
/** A pool of connections, called as a template tag. */
export type Sql = ReturnType<typeof connect>;

/** Runs statements on the tables of the archive. */
export class PostgresDatabase {
  readonly #url: string;
  readonly #deadline: number;
  #sql: Sql;
  #schema: Promise<void> | undefined;

  /** `deadline` is the time limit of a statement, milliseconds. Does not connect yet. */
  constructor(url: string, deadline: number = DEADLINE_MS) {
    this.#url = url;
    this.#deadline = deadline;
    this.#sql = connect(url);
  }

  /**
   * Runs one statement, after creating the tables if necessary. Abandons the connections if it
   * exceeds the deadline.
   */
  async run<T>(statement: (sql: Sql) => PromiseLike<T>): Promise<T> {
    const sql = this.#sql;
    const work = async () => {
      await (this.#schema ??= createTables(sql));
      return await statement(sql);
    };
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        this.#abandon(sql);
        reject(new Error(`PostgreSQL did not answer in ${this.#deadline} ms`));
      }, this.#deadline);
    });
    try {
      return await Promise.race([work(), late]);
    } catch (error) {
      // The tables may no longer exist: another database may answer next.
      this.#schema = undefined;
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Closes the connections, after the statements in progress or 2 s. */
  async close(): Promise<void> {
    await this.#sql.end({ timeout: 2 });
  }

  #abandon(sql: Sql): void {
    if (this.#sql !== sql) return;
    this.#sql = connect(this.#url);
    this.#schema = undefined;
    sql.end({ timeout: 0 }).catch(() => {});
  }
}

/** Creates the tables. The lock serialises instances that start at the same time. */
async function createTables(sql: Sql): Promise<void> {
  await sql.begin(async (sql) => {
    await sql`SELECT pg_advisory_xact_lock(${SCHEMA_LOCK})`;
    await sql.unsafe(SCHEMA);
  });
}
