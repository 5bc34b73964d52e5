/**
 * What the archive needs from a database. The same statements run on SQLite and PostgreSQL: with
 * parameters `$1`, `$2`..., and with types that both know.
 *
 * @module
 */
import type { ArchiveRow } from "./archive.ts";

/** A parameter of a statement. */
export type Parameter = string | number | null;

/** Runs statements, in a transaction or on their own. */
export interface Sql {
  /** Returns the rows of a statement. */
  all<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]>;
  /** Runs a statement and returns how many rows it changed. */
  run(text: string, ...parameters: Parameter[]): Promise<number>;
  /** Inserts messages. Fails if one of them exists. */
  insert(epoch: string, rows: readonly ArchiveRow[]): Promise<void>;
}

/** An open database. Every method rejects if it is unavailable. */
export interface Database {
  /** The name of the database for logs. Contains no secrets. */
  readonly name: string;
  /** Runs one statement that reads. */
  all<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]>;
  /**
   * The same for statements that clients cause, of which any number may wait: they run in order, and
   * leave room for others.
   */
  queued<Row>(text: string, ...parameters: Parameter[]): Promise<Row[]>;
  /**
   * Runs work in a transaction that writes, all or nothing. Transactions of one process run one
   * after the other.
   */
  write<T>(work: (sql: Sql) => Promise<T>): Promise<T>;
  close(): Promise<void>;
}

/** Returns `($1, $2), ($3, $4)`: `rows` rows of `types.length` parameters, counted from `first`. */
export function values(rows: number, first: number, types: readonly ("text" | "bigint")[]): string {
  let next = first;
  const row = () =>
    `(${
      types.map((type) => type === "text" ? `$${next++}` : `CAST($${next++} AS bigint)`).join(", ")
    })`;
  return Array.from({ length: rows }, row).join(", ");
}
