/**
 * The variables of the persistence service, beside those that every service has.
 *
 * @module
 */
import * as z from "zod";
import { DUPLICATE_WINDOW_MS } from "../contract/mod.ts";
import { integer } from "../kit/mod.ts";

export const PERSISTENCE_CONFIG = {
  /** A PostgreSQL to archive in; without it a SQLite file is used. */
  DATABASE_URL: z.string().optional().refine(
    (text) => text === undefined || isPostgresUrl(text),
    "expected postgres://user:password@host:port/database",
  ),
  /** The SQLite file. Several instances must share one file, so they run on one machine. */
  SQLITE_PATH: z.string().default(".data/archive.db"),
  /**
   * How long the log itself keeps a message, seconds. The archive has long had it by then: this is
   * how long the database may be down before messages are lost. Not below the time within which a
   * resent message is recognised, which NATS refuses.
   */
  STREAM_MAX_AGE: integer(DUPLICATE_WINDOW_MS / 1_000, 315_360_000).default(86_400),
  /** Bytes that the log may take on NATS's disk. Full of what is not archived, it refuses more. */
  STREAM_MAX_BYTES: integer(1_048_576, 100_000_000_000_000).default(1_073_741_824),
  /** The rules of rooms (contract/namespaces.ts), of which `history` counts here; else all is kept. */
  NAMESPACES_FILE: z.string().optional(),
  /** How often messages that are to go by those rules are looked for, milliseconds. */
  RETENTION_MS: integer(10, 86_400_000).default(60_000),
  /** Messages that one transaction archives at most. */
  ARCHIVE_BATCH: integer(1, 5_000).default(2_000),
  /**
   * How long a batch that is not full may wait for more, milliseconds. Each batch is one sync of the
   * disk, and writes each page of the rooms in it once: 50 ms keeps that to 20 a second (with 200 rooms
   * it takes 8 % less CPU a message than batches of 500 at 20 ms), and no reader notices 50 ms.
   */
  ARCHIVE_BATCH_MS: integer(0, 500).default(50),
} as const;

function isPostgresUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "";
}
