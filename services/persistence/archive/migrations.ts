/**
 * The tables of the archive, and how those of an older version become those of this one. Each
 * migration runs once, in one transaction with the change of the version.
 *
 * @module
 */
import { ROOMS_STREAM } from "../../contract/mod.ts";
import type { Sql } from "./database.ts";

/** The version of the tables that this code reads and writes. */
export const SCHEMA_VERSION = 4;

/** The archive's tables are newer than this version of Hopwire. */
export class SchemaTooNew extends Error {
  override name = "SchemaTooNew";
  constructor(version: number) {
    super(
      `the archive has schema version ${version}, and this version of Hopwire reads up to ` +
        `${SCHEMA_VERSION}: run the version that wrote it, or a newer one`,
    );
  }
}

/** How the two databases differ. */
export interface Dialect {
  /** The type of text that is compared byte by byte. */
  text: string;
  /** The names of the tables of version 1: message, log, trimmed. */
  first: { message: string; log: string; trimmed: string };
  /** Whether a table exists. */
  exists(sql: Sql, table: string): Promise<boolean>;
}

/**
 * Brings the tables to {@link SCHEMA_VERSION}. The caller's transaction excludes other processes.
 *
 * @throws {SchemaTooNew} if a newer version of Hopwire has written the archive
 */
export async function migrate(sql: Sql, dialect: Dialect): Promise<void> {
  const version = await currentVersion(sql, dialect);
  if (version > SCHEMA_VERSION) throw new SchemaTooNew(version);
  if (version < 1) await createFirst(sql, dialect);
  if (version < 2) await addGenerations(sql, dialect);
  if (version < 3) await addStreams(sql, dialect);
  if (version < 4) await shareEpochs(sql, dialect);
}

/** Returns the version of the tables; 0 if there are none. */
async function currentVersion(sql: Sql, dialect: Dialect): Promise<number> {
  if (await dialect.exists(sql, "hopwire_setting")) {
    const [row] = await sql.all<{ value: string }>(
      "SELECT value FROM hopwire_setting WHERE key = 'schema_version'",
    );
    return Number(row?.value);
  }
  return await dialect.exists(sql, dialect.first.message) ? 1 : 0;
}

/**
 * Version 1. The key has the room before the seq, so a page is one range of it. (epoch, seq) is
 * unique too, because a seq belongs to one room.
 */
async function createFirst(sql: Sql, { text, first }: Dialect): Promise<void> {
  await sql.run(`
    CREATE TABLE ${first.message} (
      epoch ${text} NOT NULL,
      room ${text} NOT NULL,
      seq bigint NOT NULL,
      stored_at bigint NOT NULL,
      event text NOT NULL,
      PRIMARY KEY (epoch, room, seq)
    )`);
  await sql.run(`
    CREATE TABLE ${first.log} (
      epoch ${text} PRIMARY KEY,
      last_seq bigint NOT NULL,
      lost_to bigint NOT NULL
    )`);
  await sql.run(`
    CREATE TABLE ${first.trimmed} (
      epoch ${text} NOT NULL,
      room ${text} NOT NULL,
      seq bigint NOT NULL,
      PRIMARY KEY (epoch, room)
    )`);
}

/**
 * Version 2: generations with a position, holes, the lease, the list of rooms that retention has to
 * look at. Version 1 knew the highest archived seq of a log, not a contiguous position, so what it
 * wrote is marked as unverified and compared with the log.
 */
async function addGenerations(sql: Sql, { text, first }: Dialect): Promise<void> {
  if (first.message !== "hopwire_message") {
    await sql.run(`ALTER TABLE ${first.message} RENAME TO hopwire_message`);
    await sql.run(`ALTER TABLE ${first.trimmed} RENAME TO hopwire_trimmed`);
  }
  await sql.run(`
    CREATE TABLE hopwire_setting (key ${text} PRIMARY KEY, value text NOT NULL)`);
  await sql.run("INSERT INTO hopwire_setting (key, value) VALUES ('schema_version', '2')");
  await sql.run(`
    CREATE TABLE hopwire_generation (
      ordinal bigint PRIMARY KEY,
      epoch ${text} NOT NULL UNIQUE,
      first_seq bigint NOT NULL,
      position bigint NOT NULL,
      mark_seq bigint,
      mark_time text,
      mark_hash text,
      unverified bigint NOT NULL
    )`);
  await sql.run(`
    CREATE TABLE hopwire_hole (
      epoch ${text} NOT NULL,
      first_seq bigint NOT NULL,
      last_seq bigint NOT NULL,
      kind text NOT NULL,
      PRIMARY KEY (epoch, first_seq)
    )`);
  await sql.run(`
    CREATE TABLE hopwire_due (
      epoch ${text} NOT NULL,
      room ${text} NOT NULL,
      due_at bigint NOT NULL,
      PRIMARY KEY (epoch, room)
    )`);
  await sql.run("CREATE INDEX hopwire_due_at ON hopwire_due (due_at)");
  await sql.run(`
    CREATE TABLE hopwire_lease (
      name ${text} PRIMARY KEY,
      holder text NOT NULL,
      term bigint NOT NULL,
      beat bigint NOT NULL
    )`);
  await sql.run(
    "INSERT INTO hopwire_lease (name, holder, term, beat) VALUES ('archive', '', 0, 0)",
  );
  await copyLogs(sql, first.log);
  await sql.run(`DROP TABLE ${first.log}`);
}

/**
 * Version 3: a log of several streams. Whatever an older version wrote, and an instance of version 2 that
 * still runs, belongs to the first stream. The leases of the others are made when they are needed.
 */
async function addStreams(sql: Sql, { text }: Dialect): Promise<void> {
  await sql.run(`
    ALTER TABLE hopwire_generation ADD COLUMN stream ${text} NOT NULL DEFAULT '${ROOMS_STREAM}'`);
  await sql.run("UPDATE hopwire_setting SET value = '3' WHERE key = 'schema_version'");
}

/**
 * Version 4: streams that were one have generations in common, each with its own position, and it is known which
 * of their holes concern which of them. What an instance of version 3 writes and reads stays as it was.
 */
async function shareEpochs(sql: Sql, { text }: Dialect): Promise<void> {
  const columns =
    "ordinal, epoch, first_seq, position, mark_seq, mark_time, mark_hash, unverified, stream";
  await sql.run(`
    CREATE TABLE hopwire_generation_4 (
      ordinal bigint PRIMARY KEY,
      epoch ${text} NOT NULL,
      first_seq bigint NOT NULL,
      position bigint NOT NULL,
      mark_seq bigint,
      mark_time text,
      mark_hash text,
      unverified bigint NOT NULL,
      stream ${text} NOT NULL DEFAULT '${ROOMS_STREAM}',
      UNIQUE (epoch, stream)
    )`);
  await sql.run(`
    INSERT INTO hopwire_generation_4 (${columns}) SELECT ${columns} FROM hopwire_generation`);
  await sql.run("DROP TABLE hopwire_generation");
  await sql.run("ALTER TABLE hopwire_generation_4 RENAME TO hopwire_generation");
  await sql.run(`
    CREATE TABLE hopwire_hole_range (
      stream ${text} NOT NULL,
      epoch ${text} NOT NULL,
      first_seq bigint NOT NULL,
      last_seq bigint NOT NULL,
      PRIMARY KEY (stream, epoch, first_seq)
    )`);
  await sql.run("UPDATE hopwire_setting SET value = '4' WHERE key = 'schema_version'");
}

/** Makes a generation of each log of version 1, oldest first. */
async function copyLogs(sql: Sql, table: string): Promise<void> {
  const logs = await sql.all<{ epoch: string; last_seq: number; lost_to: number }>(
    `SELECT epoch, last_seq, lost_to FROM ${table}`,
  );
  // Version 1 moved what the log had lost to epochs of their own: `<epoch>~<time>`.
  const found = await sql.all<{ epoch: string; last_seq: number; oldest: number }>(`
    SELECT epoch, max(seq) AS last_seq, min(stored_at) AS oldest FROM hopwire_message
    GROUP BY epoch`);
  const epochs = new Map(found.map((row) => [row.epoch, { ...row, lost_to: 0 }]));
  for (const log of logs) {
    const oldest = epochs.get(log.epoch)?.oldest ?? Number.MAX_SAFE_INTEGER;
    epochs.set(log.epoch, { ...log, oldest });
  }
  // An epoch of version 1 is the time of creation of its log.
  const age = (epoch: string) => base36(epoch.split("~")[0]!);
  const moved = (epoch: string) => epoch.includes("~") ? 0 : 1;
  // What was moved comes before the log that it was moved from, so that the log stays the newest.
  const sorted = [...epochs.values()].sort((a, b) =>
    Number(age(a.epoch) - age(b.epoch)) || moved(a.epoch) - moved(b.epoch) || a.oldest - b.oldest
  );
  for (const [i, { epoch, last_seq, lost_to }] of sorted.entries()) {
    await sql.run(
      `INSERT INTO hopwire_generation (ordinal, epoch, first_seq, position, unverified)
      VALUES ($1, $2, 1, $3, $4)`,
      i + 1,
      epoch,
      last_seq,
      moved(epoch),
    );
    if (lost_to > 0) {
      await sql.run(
        `INSERT INTO hopwire_hole (epoch, first_seq, last_seq, kind) VALUES ($1, 1, $2, 'expired')`,
        epoch,
        lost_to,
      );
    }
  }
}

/** Reads a number in base 36, of any size; other characters count as 0. */
function base36(text: string): bigint {
  return [...text].reduce((sum, digit) => sum * 36n + BigInt(parseInt(digit, 36) || 0), 0n);
}
