/**
 * The archive: the stored messages of every room, and the position up to which the log is archived.
 * Rows and position change in one transaction, so the position is the truth about what is archived.
 *
 * The log's history is a list of generations. A generation is one incarnation of the log; a new one
 * begins when the log was replaced, cut or restored. Messages keep the epoch of their generation.
 *
 * Each stream of the log has a lease and generations of its own, so several instances may archive at a
 * time. An epoch belongs to one stream, and to those that have taken rooms from it: the rows of a room are
 * under the same epoch before and after, with seqs that go on to rise. An {@link Archive} is that of one stream; `of` leads to the others.
 *
 * A message's `prev` is not stored. It is derived when a page is read: from the previous row, or,
 * if retention deleted that row, from the room's trim mark. Rows without `prev` cannot become
 * inconsistent.
 *
 * @module
 */

/** One archived message. */
export interface ArchiveRow {
  seq: number;
  room: string;
  /** When the log stored the message, milliseconds since 1970; that inside the event is the sender's. */
  storedAt: number;
  /** The event's JSON. */
  event: string;
}

/** Whether an event's JSON is that of an erased message. `erased` is its last field. */
export function isErased(event: string): boolean {
  return event.endsWith('"erased":true}');
}

/** A room within one generation. */
export interface RoomKey {
  epoch: string;
  room: string;
}

/** One message of one generation. */
export interface RowKey extends RoomKey {
  seq: number;
}

/** What tells a message of the log from others that had the same seq. */
export interface Mark {
  seq: number;
  /** When the log stored it: RFC 3339 with nanoseconds, as NATS reports it. */
  time: string;
  /** SHA-256 of subject and payload, in hexadecimal. */
  hash: string;
}

/** One incarnation of the log, as far as it is archived. */
export interface Generation {
  epoch: string;
  /** The first seq that belongs to this generation. */
  firstSeq: number;
  /** Everything from `firstSeq` up to this seq is archived, or recorded as a hole. */
  position: number;
  /** The last message archived; null if there is none. */
  mark: Mark | null;
  /** True if rows may be missing below the position: an older version of Hopwire wrote them. */
  unverified: boolean;
}

/**
 * Why a seq has no row. `expired`: the log dropped it before it was archived, by age or size. `deleted`:
 * somebody deleted it from the log. `unknown`: the log should have it and does not.
 */
export type HoleKind = "expired" | "deleted" | "unknown";

/** Seqs that will never arrive, both ends included. */
export interface Hole {
  first: number;
  last: number;
  kind: HoleKind;
}

/** Selects one page of a room in one generation. */
export interface PageQuery extends RoomKey {
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
  /** Only messages stored at or after this time, milliseconds since 1970. */
  storedSince?: number;
  /** Only the newest `keep` messages of the room. */
  keep?: number;
}

/** One page of a room. */
export interface ArchivePage {
  messages: { seq: number; prev: number; event: string }[];
  /** Whether there are more messages in the direction of the page. */
  more: boolean;
  /**
   * Retention deleted, or the log lost, messages up to this seq. Everything above it, up to
   * `position`, is complete.
   */
  trimmedTo: number;
  /** The generation's position when the page was read; 0 if the archive has no such generation. */
  position: number;
}

/** The lease: which instance may write. Its holder renews `beat`; each change raises `term`. */
export interface Lease {
  /** The instance's id; empty if the lease is free. */
  holder: string;
  term: number;
  beat: number;
}

/** A batch of consecutive seqs: each is a row, or part of a hole. */
export interface Batch {
  epoch: string;
  /** The position before the batch. */
  from: number;
  /** The position after the batch. */
  to: number;
  rows: readonly ArchiveRow[];
  holes: readonly Hole[];
  /** Identifies the last of the rows; omitted if there are none. */
  mark?: Mark;
  /** When retention has to look at these rooms again, milliseconds since 1970. */
  due?: readonly { room: string; at: number }[];
}

/** A stream that takes rooms from another one. */
export interface ChildStream {
  stream: string;
  /** How many streams there will be, as the two count. */
  count: number;
  /** The generation that both go on with, and up to where it has the rooms of both. */
  epoch: string;
  parentEnd: number;
  /** The seq before the stream's first message of a room, and what tells that message; see {@link Generation}. */
  position: number;
  mark: Mark | null;
}

/** What retention keeps of a room: what is younger than `maxAge` and among the newest `keep`. */
export interface TrimTarget extends RoomKey {
  /** The time of the run, milliseconds since 1970. */
  now: number;
  /** Milliseconds. */
  maxAge?: number;
  /** Messages. */
  keep?: number;
}

/** Most rows that one {@link Archive.trim} deletes, so that appends and reads run in between. */
export const MAX_TRIM_ROWS = 1_000;

/** Another instance holds the lease now. Whoever gets this error must stop writing. */
export class LeaseLost extends Error {
  override name = "LeaseLost";
  constructor() {
    super("another instance of persistence has taken over the archive");
  }
}

/** The log was begun with another number of streams. Nothing was changed. */
export class StreamsDiffer extends Error {
  override name = "StreamsDiffer";
  constructor(wanted: number, found: number) {
    super(
      `the log has ${found} ${
        found === 1 ? "stream" : "streams"
      }, and this instance counts ${wanted}`,
    );
  }
}

/** The generation's position is not what the writer expected. It must read the position again. */
export class PositionMoved extends Error {
  override name = "PositionMoved";
  constructor() {
    super("the archive's position is not where this batch begins");
  }
}

/**
 * An archive of messages; see the module's doc. Every method rejects if the database is unavailable. Methods
 * with a `term` write: they throw {@link LeaseLost}, and change nothing, unless the lease has that term.
 */
export interface Archive {
  /** The name of the database for logs. Contains no secrets. */
  readonly name: string;

  /**
   * Returns the archive of a stream of a log that has `count` streams, on the same connection. The first
   * stream is that of the archive which was opened.
   */
  of(stream: string, count: number): Archive;
  /**
   * Returns how many streams the log has; null before the first generation. While the number is raised,
   * streams differ.
   */
  streamCount(): Promise<number | null>;
  /** Returns {@link streamCount} of all streams, by their numbers; empty before the first generation. */
  streamCounts(): Promise<number[]>;
  /** Asks for so many streams, also whoever holds a lease, and returns the most that anybody wants. */
  wantStreams(count: number): Promise<number>;
  /**
   * Records that another stream takes rooms from this one, with all generations of this one. Repeating it
   * moves the position to where that stream begins now.
   */
  divide(term: number, child: ChildStream): Promise<void>;

  /** Reads the lease of this stream. */
  lease(): Promise<Lease>;
  /** Takes the lease if it is still as `seen`. Returns the new term, or null if it has changed. */
  takeLease(holder: string, seen: Lease): Promise<number | null>;
  /** Renews the lease. */
  renewLease(term: number): Promise<void>;
  /** Frees the lease, so that another instance can take it. */
  releaseLease(term: number): Promise<void>;

  /** Lists the generations of this stream, oldest first. */
  generations(): Promise<Generation[]>;
  /**
   * Begins a generation, with holes before its first seq. Its position is the seq before `firstSeq`.
   *
   * @throws {StreamsDiffer} if the archive is that of a log with another number of streams
   */
  startGeneration(
    term: number,
    epoch: string,
    firstSeq: number,
    holes?: readonly Hole[],
  ): Promise<void>;
  /**
   * Stores a batch and moves the position, in one transaction.
   *
   * @throws {PositionMoved} if the position is not `from`; nothing is stored
   */
  append(term: number, batch: Batch): Promise<void>;
  /** Records that the rows below the position have been compared with the log. */
  markVerified(term: number, epoch: string): Promise<void>;

  /** Lists the holes of a generation that overlap a range, in order, up to `limit`. */
  holes(epoch: string, first: number, last: number, limit: number): Promise<Hole[]>;
  /** Lists the unexplained holes of all generations of this stream, up to `limit`. */
  unexplained(limit: number): Promise<(Hole & { epoch: string })[]>;
  /** Explains a hole, or replaces it by the rows that turned up. */
  resolveHole(
    term: number,
    epoch: string,
    hole: Hole,
    found: { rows: readonly ArchiveRow[]; holes: readonly Hole[] },
  ): Promise<void>;

  /** Reads one page, as a consistent snapshot of the database. */
  page(query: PageQuery): Promise<ArchivePage>;
  /** Returns the last seq of each room in a generation, also if retention deleted it; 0 for none. */
  heads(epoch: string, rooms: readonly string[]): Promise<number[]>;
  /** Reads single rows. Rows that do not exist are missing in the result. */
  rows(epoch: string, keys: readonly { room: string; seq: number }[]): Promise<ArchiveRow[]>;
  /** Up to which seq retention has deleted each room's messages; 0 for none. */
  trimMarks(epoch: string, rooms: readonly string[]): Promise<number[]>;
  /** Lists a room's seqs in a range, both ends included, up to `limit`. */
  seqs(key: RoomKey, first: number, last: number, limit: number): Promise<number[]>;
  /** Reads up to `limit` rows of all rooms, ordered by epoch, room and seq, starting after `after`. */
  scan(after: RowKey | null, limit: number): Promise<(ArchiveRow & { epoch: string })[]>;
  /**
   * Inserts or replaces rows below the position. Never inserts what retention has deleted, and never
   * replaces what was erased.
   */
  repair(term: number, epoch: string, rows: readonly ArchiveRow[]): Promise<void>;

  /**
   * Returns up to `limit` rooms of this stream that have messages, ordered by epoch and name, starting after
   * `after`.
   */
  rooms(after: RoomKey | null, limit: number): Promise<RoomKey[]>;
  /** Lists up to `limit` rooms of this stream that retention has to look at by `now` (milliseconds since 1970). */
  due(now: number, limit: number): Promise<RoomKey[]>;
  /** Lists rooms that retention has to look at, in its next run. */
  markDue(term: number, keys: readonly RoomKey[]): Promise<void>;
  /**
   * Deletes the oldest messages of a room, at most {@link MAX_TRIM_ROWS}, and sets when retention has
   * to look at it again. Returns how many messages it deleted.
   */
  trim(term: number, target: TrimTarget): Promise<number>;

  /** Reads a setting that the archive keeps for this stream; null if it was never written. */
  setting(key: string): Promise<string | null>;
  /** Writes a setting. */
  writeSetting(term: number, key: string, value: string): Promise<void>;
  close(): Promise<void>;
}
