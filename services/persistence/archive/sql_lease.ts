/**
 * The statements of leases.
 *
 * @module
 */
import type { Lease } from "./archive.ts";
import type { Sql } from "./database.ts";

/** See `Archive.lease`. */
export async function readLease(database: Pick<Sql, "all">, name: string): Promise<Lease> {
  const [lease] = await database.all<Lease>(
    "SELECT holder, term, beat FROM hopwire_lease WHERE name = $1",
    name,
  );
  return lease === undefined ? { holder: "", term: 0, beat: 0 } : { ...lease };
}

/** See `Archive.takeLease`. */
export async function takeLease(
  sql: Sql,
  name: string,
  holder: string,
  seen: Lease,
): Promise<number | null> {
  await sql.run(
    `INSERT INTO hopwire_lease (name, holder, term, beat) VALUES ($1, '', 0, 0)
    ON CONFLICT (name) DO NOTHING`,
    name,
  );
  const taken = await sql.run(
    `UPDATE hopwire_lease SET holder = $1, term = term + 1, beat = 0
    WHERE name = $2 AND holder = $3 AND term = $4 AND beat = $5`,
    holder,
    name,
    seen.holder,
    seen.term,
    seen.beat,
  );
  return taken === 0 ? null : seen.term + 1;
}
