/**
 * The statements with which a stream of the log takes rooms from another one.
 *
 * @module
 */
import { childrenOf, ROOMS_STREAMS, roomsStream, SEQS_PER_STREAM } from "../../contract/mod.ts";
import type { ChildStream } from "./archive.ts";
import type { Database, Sql } from "./database.ts";
import { countStreams, readSetting, settingsOf, STREAMS, writeSetting } from "./sql_settings.ts";

/** See `Archive.streamCounts`. */
export async function listCounts(database: Pick<Sql, "all">): Promise<number[]> {
  const counts: number[] = [];
  const visit = async (index: number) => {
    const count = await countStreams(database, settingsOf(roomsStream(index)));
    if (count === null) return;
    counts[index] = count;
    for (const child of childrenOf(index, count)) await visit(child);
  };
  await visit(0);
  return counts;
}

/** The setting with how many streams the log is to have, in the end. */
const WANTED = "streams wanted";

/** See `Archive.wantStreams`. */
export async function wantStreams(database: Database, count: number): Promise<number> {
  const wanted = async (sql: Pick<Sql, "all">) => Number(await readSetting(sql, WANTED) ?? 1);
  const known = await wanted(database);
  if (known >= count) return known;
  return await database.write(async (sql) => {
    const most = Math.max(count, await wanted(sql));
    await writeSetting(sql, WANTED, String(most));
    return most;
  });
}

/** See `Archive.divide`. */
export async function divideStream(sql: Sql, parent: string, child: ChildStream): Promise<void> {
  const { stream, count, epoch, position, mark } = child;
  // The others still have as many as before.
  for (const one of ROOMS_STREAMS) {
    const key = settingsOf(one) + STREAMS;
    const known = await sql.all(
      "SELECT epoch FROM hopwire_generation WHERE stream = $1 LIMIT 1",
      one,
    );
    if (known.length === 0 || await readSetting(sql, key) !== null) continue;
    await writeSetting(sql, key, String(await countStreams(sql, settingsOf(one))));
  }
  const missing = await sql.all<{ ordinal: number }>(
    `SELECT ordinal FROM hopwire_generation WHERE stream = $1 AND epoch NOT IN
    (SELECT epoch FROM hopwire_generation WHERE stream = $2) ORDER BY ordinal`,
    parent,
    stream,
  );
  for (const { ordinal } of missing) {
    await sql.run(
      `INSERT INTO hopwire_generation
        (ordinal, epoch, first_seq, position, mark_seq, mark_time, mark_hash, unverified, stream)
      SELECT (SELECT max(ordinal) + 1 FROM hopwire_generation), epoch, first_seq, position,
        mark_seq, mark_time, mark_hash, 0, $2
      FROM hopwire_generation WHERE ordinal = $1`,
      ordinal,
      stream,
    );
  }
  await sql.run(
    `UPDATE hopwire_generation SET position = $1, mark_seq = $2, mark_time = $3, mark_hash = $4
    WHERE epoch = $5 AND stream = $6 AND position < $1`,
    position,
    mark?.seq ?? null,
    mark?.time ?? null,
    mark?.hash ?? null,
    epoch,
    stream,
  );
  await divideHoles(sql, parent, child);
  for (const one of [parent, stream]) {
    await writeSetting(sql, settingsOf(one) + STREAMS, String(count));
  }
}

/** Seqs whose holes concern a stream, both ends included. */
interface Range {
  first_seq: number;
  last_seq: number;
}

/**
 * Records which holes concern which stream: those that were there before concern both, and what each has from
 * now on is its own. The seqs tell them apart.
 */
async function divideHoles(
  sql: Sql,
  parent: string,
  { stream, epoch, parentEnd }: ChildStream,
): Promise<void> {
  const own = (name: string): Range => {
    const first = ROOMS_STREAMS.indexOf(name) * SEQS_PER_STREAM;
    return { first_seq: first, last_seq: first + SEQS_PER_STREAM - 1 };
  };
  const insert = (name: string, epoch: string, { first_seq, last_seq }: Range) =>
    sql.run(
      `INSERT INTO hopwire_hole_range (stream, epoch, first_seq, last_seq)
      VALUES ($1, $2, $3, $4)`,
      name,
      epoch,
      first_seq,
      last_seq,
    );
  await sql.run("DELETE FROM hopwire_hole_range WHERE stream = $1", stream);
  const epochs = await sql.all<{ epoch: string }>(
    "SELECT epoch FROM hopwire_generation WHERE stream = $1",
    parent,
  );
  for (const { epoch: one } of epochs) {
    let ranges = await sql.all<Range>(
      `SELECT first_seq, last_seq FROM hopwire_hole_range WHERE stream = $1 AND epoch = $2
      ORDER BY first_seq`,
      parent,
      one,
    );
    if (one === epoch && ranges.length === 0) {
      // It begins with this epoch, or shares it with nobody yet.
      const position = await positionOf(sql, parent, epoch);
      const first = Math.floor(position / SEQS_PER_STREAM) * SEQS_PER_STREAM;
      ranges = [{ first_seq: 0, last_seq: first + SEQS_PER_STREAM - 1 }];
      await insert(parent, one, ranges[0]!);
    }
    for (const { first_seq, last_seq } of ranges) {
      const last = one === epoch ? Math.min(last_seq, parentEnd) : last_seq;
      if (first_seq <= last) await insert(stream, one, { first_seq, last_seq: last });
    }
  }
  await insert(stream, epoch, own(stream));
}

async function positionOf(sql: Sql, stream: string, epoch: string): Promise<number> {
  const [row] = await sql.all<{ position: number }>(
    "SELECT position FROM hopwire_generation WHERE stream = $1 AND epoch = $2",
    stream,
    epoch,
  );
  return row?.position ?? 0;
}
