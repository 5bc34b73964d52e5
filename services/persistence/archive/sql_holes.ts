/**
 * The statements of holes: seqs that have no message.
 *
 * @module
 */
import type { Hole, HoleKind } from "./archive.ts";
import type { Database, Sql } from "./database.ts";

/**
 * The condition that a hole concerns a stream, whose name is a parameter. Streams that were one share an epoch;
 * in each of those it is known which holes concern which stream. All concern a stream that shares nothing.
 */
export function concerns(parameter: number): string {
  const ranges = `SELECT 1 FROM hopwire_hole_range r
    WHERE r.stream = $${parameter} AND r.epoch = hopwire_hole.epoch`;
  return `(NOT EXISTS (${ranges}) OR EXISTS (${ranges}
    AND hopwire_hole.first_seq >= r.first_seq AND hopwire_hole.first_seq <= r.last_seq))`;
}

interface HoleRow {
  epoch: string;
  first_seq: number;
  last_seq: number;
  kind: HoleKind;
}

/** See `Archive.holes`. */
export async function listHoles(
  database: Pick<Database, "all">,
  stream: string,
  epoch: string,
  first: number,
  last: number,
  limit: number,
): Promise<Hole[]> {
  const rows = await database.all<HoleRow>(
    `SELECT * FROM hopwire_hole WHERE epoch = $1 AND last_seq >= $2 AND first_seq <= $3
    AND ${concerns(5)} ORDER BY first_seq LIMIT $4`,
    epoch,
    first,
    last,
    limit,
    stream,
  );
  return rows.map(holeOf);
}

/** See `Archive.unexplained`. */
export async function listUnexplained(
  database: Pick<Database, "all">,
  stream: string,
  limit: number,
): Promise<(Hole & { epoch: string })[]> {
  const rows = await database.all<HoleRow>(
    `SELECT * FROM hopwire_hole WHERE kind = 'unknown' AND ${concerns(1)}
    AND epoch IN (SELECT epoch FROM hopwire_generation WHERE stream = $1)
    ORDER BY epoch, first_seq LIMIT $2`,
    stream,
    limit,
  );
  return rows.map((row) => ({ ...holeOf(row), epoch: row.epoch }));
}

/** Records a hole. */
export async function insertHole(
  sql: Sql,
  epoch: string,
  { first, last, kind }: Hole,
): Promise<void> {
  await sql.run(
    "INSERT INTO hopwire_hole (epoch, first_seq, last_seq, kind) VALUES ($1, $2, $3, $4)",
    epoch,
    first,
    last,
    kind,
  );
}

function holeOf({ first_seq, last_seq, kind }: HoleRow): Hole {
  return { first: first_seq, last: last_seq, kind };
}
