/**
 * Opens the archive that the configuration names.
 *
 * @module
 */
import { ConfigError, errorText } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";
import { openPostgresArchive } from "./postgres_archive.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";

/**
 * PostgreSQL where DATABASE_URL is set, else the SQLite file. A PostgreSQL that is not reached is
 * waited for by those who use the archive.
 *
 * @throws {ConfigError} when the SQLite file cannot be opened
 */
export async function openArchive(
  config: { DATABASE_URL?: string; SQLITE_PATH: string },
): Promise<Archive> {
  if (config.DATABASE_URL !== undefined) return openPostgresArchive(config.DATABASE_URL);
  try {
    return await openSqliteArchive(config.SQLITE_PATH);
  } catch (error) {
    throw new ConfigError(`SQLITE_PATH: cannot open ${config.SQLITE_PATH}: ${errorText(error)}`);
  }
}
