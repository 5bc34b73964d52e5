/**
 * The archive: the stored messages of every room, keyed by the epoch of the log they came from.
 * SQLite and PostgreSQL implement this interface, and one test suite covers both.
 *
 * A message's `prev` is not stored. It is derived when a page is read: from the previous row, or,
 * if retention deleted that row, from the room's trim mark. A stored `prev` would need repair
 * whenever batches arrive out of log order (several instances, redelivery). Two racing repairs
 * could leave a wrong value forever; rows without `prev` cannot become inconsistent.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** One archived message. */
export interface ArchiveRow {
  seq: number;
  room: string;
  /**
   * When the log stored the message, milliseconds since 1970. The timestamp inside the event is the
   * sender's.
   */
  storedAt: number;
  /** The event's JSON. */
  event: string;
}

/** Selects one page of a room. */
export interface PageQuery {
  epoch: string;
  room: string;
  /** Only seqs below this one. */
  before?: number;
  /**
   * Only seqs above this one. If given, the page is in ascending order; otherwise it starts at the
   * newest message and descends.
   */
  after?: number;
  /** Most messages in the page. */
  limit: number;
  /** Most bytes of events in the page. The page always holds at least one message. */
  maxBytes: number;
  /** Only seqs up to this one. The archive is known to be complete up to it. */
  ceiling: number;
}

/** One page of a room. */
export interface ArchivePage {
  messages: { seq: number; prev: number; event: string }[];
  /** Whether there are more messages in the direction of the page. */
  more: boolean;
  /**
   * Retention deleted, or the log lost, messages up to this seq. Everything above it is complete.
   */
  trimmedTo: number;
}

/** A room within one log. */
export interface RoomKey {
  epoch: string;
  room: string;
}

/**
 * What to delete from a room: everything stored before a time, and all but the newest `keep`
 * messages.
 */
export interface TrimTarget extends RoomKey {
  /** Milliseconds since 1970. */
  storedBefore?: number;
  keep?: number;
}

/**
 * Most rows that one call of {@link Archive.trim} deletes from each room. Bounds the transaction,
 * so that appends and reads run in between.
 */
export const MAX_TRIM_ROWS = 1_000;

/**
 * An archive of messages; see the module's doc. Every method rejects if the database is
 * unavailable. Every method is idempotent.
 */
export interface Archive {
  /** The name of the database for logs. Contains no secrets. */
  readonly name: string;
  /**
   * Stores rows in one transaction, all or none. Skips rows that are already stored (same epoch and
   * seq) and rows that retention has deleted.
   */
  append(epoch: string, rows: readonly ArchiveRow[]): Promise<void>;
  /** Reads one page, as a consistent snapshot of the database. */
  page(query: PageQuery): Promise<ArchivePage>;
  /**
   * Returns the highest seq of a log that was ever stored or marked as lost, or null if there is
   * none.
   */
  lastSeq(epoch: string): Promise<number | null>;
  /** Records that the log lost messages up to a seq before they were archived. */
  markLost(epoch: string, upTo: number): Promise<void>;
  /**
   * Moves a log's messages above a seq to a separate epoch, which nobody reads. Used after the log
   * has lost its last messages and reuses their seqs. Nothing is deleted.
   *
   * @returns how many messages were moved
   */
  quarantine(epoch: string, above: number): Promise<number>;
  /**
   * Returns up to `limit` rooms that have messages, ordered by epoch and name, starting after
   * `after`.
   */
  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]>;
  /**
   * Deletes the oldest messages of rooms, as their targets say, in one transaction.
   *
   * @returns how many messages were deleted, and whether any room may have more to delete
   */
  trim(targets: readonly TrimTarget[]): Promise<{ removed: number; more: boolean }>;
  close(): Promise<void>;
}

/** What a database returns for {@link assemblePage}. */
export interface RawPage {
  /** In page order: `limit` rows and one more, or up to the first row that exceeds `maxBytes`. */
  rows: { seq: number; event: string }[];
  /** The room's seq before the lowest one that could be in the page; 0 if there is none. */
  before: number;
  trimmed: number;
  lost: number;
}

/** Cuts the rows to the requested page and derives the `prev` of each message. */
export function assemblePage(query: PageQuery, raw: RawPage): ArchivePage {
  const { rows, trimmed } = raw;
  let bytes = 0;
  let count = 0;
  while (count < rows.length && count < query.limit) {
    bytes += Buffer.byteLength(rows[count]!.event);
    if (count > 0 && bytes > query.maxBytes) break;
    count++;
  }
  const oldest = Math.max(raw.before, trimmed);
  const rising = query.after !== undefined;
  const messages = rows.slice(0, count).map(({ seq, event }, i) => ({
    seq,
    prev: (rising ? rows[i - 1] : rows[i + 1])?.seq ?? oldest,
    event,
  }));
  return { messages, more: rows.length > count, trimmedTo: Math.max(trimmed, raw.lost) };
}
