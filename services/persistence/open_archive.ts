/**
 * Opens the configured archive.
 *
 * @module
 */
import { ConfigError, errorText } from "../kit/mod.ts";
import type { Archive } from "./archive.ts";
import { openPostgresArchive } from "./postgres_archive.ts";
import { openSqliteArchive } from "./sqlite_archive.ts";

/**
 * Opens PostgreSQL if DATABASE_URL is set, otherwise the SQLite file. Does not wait for PostgreSQL
 * to be available; the users of the archive retry.
 *
 * @throws {ConfigError} if the SQLite file cannot be opened
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
