/**
 * Opens the configured archive.
 *
 * @module
 */
import { ConfigError, errorText } from "../../kit/mod.ts";
import type { Archive } from "./archive.ts";
import { openPostgresDatabase } from "./postgres_database.ts";
import { createArchive } from "./sql_archive.ts";
import { openSqliteDatabase } from "./sqlite_database.ts";

/**
 * Opens PostgreSQL if DATABASE_URL is set, otherwise the SQLite file. Does not wait for PostgreSQL
 * to be available; the users of the archive retry.
 *
 * @throws {ConfigError} if the SQLite file or that of the password cannot be opened
 */
export async function openArchive(
  config: { DATABASE_URL?: string; DATABASE_PASSWORD_FILE?: string; SQLITE_PATH: string },
): Promise<Archive> {
  const { DATABASE_URL: database, DATABASE_PASSWORD_FILE: file } = config;
  if (database !== undefined) return openPostgresArchive(withPassword(database, file));
  try {
    return await openSqliteArchive(config.SQLITE_PATH);
  } catch (error) {
    throw new ConfigError(`SQLITE_PATH: cannot open ${config.SQLITE_PATH}: ${errorText(error)}`);
  }
}

/** Opens the archive in a SQLite file; see {@link openSqliteDatabase} for its errors. */
export async function openSqliteArchive(path: string): Promise<Archive> {
  return createArchive(await openSqliteDatabase(path));
}

/** Opens the archive in a PostgreSQL database; `deadline` is that of an operation, milliseconds. */
export function openPostgresArchive(url: string, options: { deadline?: number } = {}): Archive {
  return createArchive(openPostgresDatabase(url, options.deadline));
}

/** Returns the URL with the password in a file, if one is named. */
function withPassword(database: string, file: string | undefined): string {
  if (file === undefined) return database;
  const url = new URL(database);
  try {
    url.password = encodeURIComponent(Deno.readTextFileSync(file).replace(/\r?\n$/, ""));
  } catch (error) {
    throw new ConfigError(`DATABASE_PASSWORD_FILE: cannot read ${file}: ${errorText(error)}`);
  }
  return url.href;
}
