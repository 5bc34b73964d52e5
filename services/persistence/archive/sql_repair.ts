/**
 * The statement of repairs: rows that are inserted or replaced below the position.
 *
 * @module
 */
import { type ArchiveRow, isErased } from "./archive.ts";
import type { Sql } from "./database.ts";
import { setDue } from "./sql_retention.ts";

/** See `Archive.repair`. */
export async function repairRow(sql: Sql, epoch: string, row: ArchiveRow): Promise<void> {
  const [trimmed] = await sql.all<{ seq: number }>(
    "SELECT seq FROM hopwire_trimmed WHERE epoch = $1 AND room = $2",
    epoch,
    row.room,
  );
  if (row.seq <= (trimmed?.seq ?? 0)) return;
  const [there] = await sql.all<{ event: string }>(
    "SELECT event FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq = $3",
    epoch,
    row.room,
    row.seq,
  );
  if (there !== undefined && isErased(there.event)) return;
  await sql.run(
    "DELETE FROM hopwire_message WHERE epoch = $1 AND room = $2 AND seq = $3",
    epoch,
    row.room,
    row.seq,
  );
  await sql.insert(epoch, [row]);
  await setDue(sql, { epoch, room: row.room }, 0);
}
