/**
 * The statements of settings, and of the number of streams, which is one of them.
 *
 * @module
 */
import { ROOMS_STREAM } from "../../contract/mod.ts";
import type { Sql } from "./database.ts";

/**
 * The setting with the number of streams; absent while the log has one. Once it has been raised, each stream
 * has one, because they are divided one after another.
 */
export const STREAMS = "streams";

/** What the names of the settings of a stream begin with. */
export function settingsOf(stream: string): string {
  return stream === ROOMS_STREAM ? "" : `${stream} `;
}

/** See `Archive.streamCount`. `prefix` is what the names of the stream's settings begin with. */
export async function countStreams(
  database: Pick<Sql, "all">,
  prefix: string,
): Promise<number | null> {
  const value = await readSetting(database, prefix + STREAMS) ??
    await readSetting(database, STREAMS);
  if (value !== null) return Number(value);
  const known = await database.all("SELECT epoch FROM hopwire_generation LIMIT 1");
  return known.length > 0 ? 1 : null;
}

/** Reads a setting; null if it was never written. */
export async function readSetting(
  database: Pick<Sql, "all">,
  key: string,
): Promise<string | null> {
  const [row] = await database.all<{ value: string }>(
    "SELECT value FROM hopwire_setting WHERE key = $1",
    key,
  );
  return row?.value ?? null;
}

/** Writes a setting. */
export async function writeSetting(sql: Sql, key: string, value: string): Promise<void> {
  await sql.run(
    `INSERT INTO hopwire_setting (key, value) VALUES ($1, $2)
    ON CONFLICT (key) DO UPDATE SET value = excluded.value`,
    key,
    value,
  );
}
