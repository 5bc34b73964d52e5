/**
 * The variables of the persistence service, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { DUPLICATE_WINDOW_MS, STREAM_COUNTS } from "../contract/mod.ts";
import { integer, REPLICATION_CONFIG } from "../kit/mod.ts";

/** The schemas of the variables. */
export const PERSISTENCE_CONFIG = {
  DATABASE_URL: z.string().optional().refine(
    (text) => text === undefined || isPostgresUrl(text),
    "expected postgres://user:password@host:port/database",
  ).meta({
    description: "The PostgreSQL database of the archive. Without it the archive is a SQLite file.",
    range: "a postgres:// URL",
  }),
  DATABASE_PASSWORD_FILE: z.string().optional().meta({
    description: "A file with the password of the user in `DATABASE_URL`.",
    range: "a path",
  }),
  SQLITE_PATH: z.string().default(".data/archive.db").meta({
    description: "The SQLite file. All instances must share it, so they run on one machine.",
    range: "a path",
  }),
  STREAMS: integer(1, Math.max(...STREAM_COUNTS)).default(1).refine(
    (count) => STREAM_COUNTS.includes(count),
    `expected ${STREAM_COUNTS.join(", ")}`,
  ).meta({
    description:
      "The number of streams that hold the messages, at least: 1, 2, 4 or 8. Each stream has a part of " +
      "the rooms and is archived by itself. A restart with a larger number divides the existing streams.",
    range: STREAM_COUNTS.join(", "),
  }),
  // The default is how long the database may be unavailable before messages are lost. NATS refuses
  // an age below the deduplication window.
  STREAM_MAX_AGE: integer(DUPLICATE_WINDOW_MS / 1_000, 315_360_000).default(86_400).meta({
    description: "The age limit of the stream. Older messages live only in the archive, so the " +
      "archive must not be unavailable for longer than this.",
    unit: "s",
  }),
  STREAM_MAX_BYTES: integer(1_048_576, 100_000_000_000_000).default(1_073_741_824).meta({
    description: "The size limit of the stream on NATS's disk. When it is full of messages that " +
      "are not archived yet, the stream refuses new ones.",
    unit: "bytes",
  }),
  ...REPLICATION_CONFIG,
  NAMESPACES_FILE: z.string().optional().meta({
    description: "A JSON file with the namespaces, of which this service uses `history`. Without " +
      "it the archive keeps everything.",
    range: "a path",
  }),
  RETENTION_MS: integer(10, 86_400_000).default(60_000).meta({
    description: "How often the service deletes messages that exceed their namespace's `history` " +
      "limits.",
    unit: "ms",
  }),
  AUDIT_MS: integer(100, 86_400_000).default(10_000).meta({
    description: "How often the service compares another 100 messages of the log with the " +
      "archive. At the end of the log it begins again.",
    unit: "ms",
  }),
  ARCHIVE_BATCH: integer(1, 5_000).default(2_000).meta({
    description: "The largest number of messages that one transaction archives.",
    unit: "messages",
  }),
  // Each batch costs one sync of the disk and writes each page of its rooms once. 50 ms limits that
  // to 20 a second: with 200 rooms it takes 8 % less CPU a message than batches of 500 at 20 ms.
  ARCHIVE_BATCH_MS: integer(0, 500).default(50).meta({
    description: "How long a batch that is not full waits for more messages.",
    unit: "ms",
  }),
} as const;

function isPostgresUrl(text: string): boolean {
  const url = URL.parse(text);
  return url !== null && /^postgres(ql)?:$/.test(url.protocol) && url.hostname !== "";
}
