/**
 * What an archive is: the stored messages of every room, by the log (epoch) they came from. SQLite
 * and PostgreSQL implement it, and one suite of tests holds for both.
 *
 * A message's `prev` is not stored. It is worked out when a page is read, from the row before it,
 * or, where retention took that row, from the room's own mark of how far it took. A stored `prev`
 * would have to be mended each time that batches arrive in another order than the log's (several
 * instances, redelivery), and a mending that races another is wrong for ever; rows alone cannot be.
 *
 * @module
 */
import { Buffer } from "node:buffer";

/** One message as it is archived. */
export interface ArchiveRow {
  seq: number;
  room: string;
  /** When the log stored it, milliseconds since 1970. The event's own timestamp is its sender's. */
  storedAt: number;
  /** The event's JSON. */
  event: string;
}

/** Which part of a room is wanted. */
export interface PageQuery {
  epoch: string;
  room: string;
  /** Only seqs below this one. */
  before?: number;
  /** Only seqs above this one; where given the page rises from it, else it falls from the newest. */
  after?: number;
  /** Messages at most. */
  limit: number;
  /** Bytes of events at most, but one message always. */
  maxBytes: number;
  /** Nothing above this seq: up to here the archive is known to be whole. */
  ceiling: number;
}

/** A part of a room. */
export interface ArchivePage {
  messages: { seq: number; prev: number; event: string }[];
  /** Whether there are more in the direction that was read. */
  more: boolean;
  /** Retention took, or the log lost, messages up to this seq. What follows it is whole. */
  trimmedTo: number;
}

/** A room of one log. */
export interface RoomKey {
  epoch: string;
  room: string;
}

/** How much of a room is to go: what was stored before a time, and all but the newest `keep`. */
export interface TrimTarget extends RoomKey {
  /** Milliseconds since 1970. */
  storedBefore?: number;
  keep?: number;
}

/** Rows that one call of {@link Archive.trim} takes from each room at most. */
export const MAX_TRIM_ROWS = 1_000;

/** See the module's doc. Any method throws when the database is not to be had; all may be repeated. */
export interface Archive {
  /** What to call it in logs; no secrets. */
  readonly name: string;
  /**
   * Stores rows in one transaction, all or none. Those that are there already (by epoch and seq),
   * and those that retention has taken, are passed over.
   */
  append(epoch: string, rows: readonly ArchiveRow[]): Promise<void>;
  /** Reads one page, as one moment of the database. */
  page(query: PageQuery): Promise<ArchivePage>;
  /** The highest seq of a log ever stored or marked as lost; null where there is nothing of it. */
  lastSeq(epoch: string): Promise<number | null>;
  /** Marks that the log has lost messages up to a seq before they were archived. */
  markLost(epoch: string, upTo: number): Promise<void>;
  /**
   * Moves a log's messages above a seq to an epoch of their own, where nobody reads them but nothing
   * is deleted: the log has lost its end and gives these seqs to other messages now.
   *
   * @returns how many
   */
  setAside(epoch: string, above: number): Promise<number>;
  /** The rooms that have messages, in the order of epoch and name, `limit` of them after `after`. */
  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]>;
  /**
   * Takes the oldest messages of rooms, as far as their targets say, in one transaction.
   *
   * @returns how many went, and whether any room has more to take
   */
  trim(targets: readonly TrimTarget[]): Promise<{ removed: number; more: boolean }>;
  close(): Promise<void>;
}

/** What a database gives for {@link assemblePage}. */
export interface RawPage {
  /** In the order of the page: one more than `limit`, or up to the first that is past `maxBytes`. */
  rows: { seq: number; event: string }[];
  /** The seq before the lowest one that could be in the page, in the room; 0 where there is none. */
  before: number;
  trimmed: number;
  lost: number;
}

/** Cuts what a database gave to the page that was asked for, and gives each message its `prev`. */
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
