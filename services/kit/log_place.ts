/**
 * Where the reader of a durable consumer is in its stream, how far that is from both of its ends, and what has
 * left the stream before it was read: for durable listeners, and for endpoints of webhooks. No I/O.
 *
 * @module
 */

/** Messages that left a stream of the log before a durable listener read them. */
export interface Missed {
  /** The stream. */
  stream: string;
  /** The seq of the first one. */
  from: number;
  /** The seq of the last one. */
  to: number;
  /**
   * How many of those in between nobody has read. Messages of other rooms count, too: once they are gone, NATS
   * does not know their rooms any more.
   */
  messages: number;
}

/** What the server says about the consumer, and after that about its stream. */
export interface LogLook {
  /** The seq of the oldest message of the stream. */
  first: number;
  /** The seq of the newest one. */
  last: number;
  /** The size of the stream, bytes. */
  bytes: number;
  /** The most bytes that the stream may have; 0 or less if there is no limit. */
  maxBytes: number;
  /** How long the stream keeps messages, milliseconds; 0 if there is no limit. */
  maxAgeMs: number;
  /**
   * The seq up to which the consumer has delivered, as the server sees it: it may pass over what has left the
   * log. A new instance begins there.
   */
  delivered: number;
  /** The last place that an instance has recorded; see {@link LogPlace.toRecord}. */
  recorded: number;
  /** The seq up to which everything that was delivered is acknowledged. */
  acked: number;
  /** How often it has delivered anything. */
  deliveries: number;
  /** Messages of its rooms that it has not delivered. */
  pending: number;
  /** Messages that were delivered and not acknowledged. */
  unacked: number;
}

/** A message that was delivered. */
export interface ReadMessage {
  /** Its seq in the stream. */
  seq: number;
  /** When it was stored, milliseconds since 1970. */
  storedAt: number;
  /** Whether it was delivered before. */
  redelivered: boolean;
}

/** How often to look at the log, milliseconds. Messages stay in it for two minutes at least. */
const LOOK_MS = 10_000;

/** After so many messages, too, so that those which are remembered have a bound. */
const LOOK_MESSAGES = 1_024;

/** Seqs that are remembered at most. Where nobody looks for long, older ones count as read by others. */
const MAX_READ = 65_536;

/**
 * The share of the time or of the size that the log keeps, beyond which what is not read is in danger. The log
 * drops archived messages when three quarters of it are used.
 */
const IN_DANGER = 0.5;

/** How often the place is recorded: after this share of the time that the log keeps, an hour at most. */
const RECORD_SHARE = 0.25;
const RECORD_MS = 3_600_000;

/** How much later than it should a message may come again, milliseconds; this share of its age at most. */
const LATE_MS = 10_000;
const LATE_SHARE = 0.1;

/** See the module's doc. */
export class LogPlace {
  readonly #stream: string;
  readonly #lookMs: number;
  #look: LogLook | undefined;
  #lookedAt = -Infinity;
  #recordedAt = -Infinity;
  /** Everything up to this seq was read, belongs to other rooms, or was reported as missed. */
  #place = 0;
  /** The seqs that this instance has read since the last look. */
  #read: number[] = [];
  /** How often it got something again since then. */
  #again = 0;
  /** When the newest message that was read was stored. */
  #storedAt = 0;

  /** Tests look more often. */
  constructor(stream: string, lookMs = LOOK_MS) {
    this.#stream = stream;
    this.#lookMs = lookMs;
  }

  /** Whether it is time for {@link looked}. `now` is a monotonic time in milliseconds. */
  due(now: number): boolean {
    return now - this.#lookedAt >= this.#lookMs || this.#read.length >= LOOK_MESSAGES;
  }

  /** Takes note of a message that was delivered to this instance. */
  read({ seq, storedAt, redelivered }: ReadMessage): void {
    if (redelivered) return void this.#again++;
    if (this.#read.length >= MAX_READ) this.#read = [];
    this.#read.push(seq);
    this.#storedAt = Math.max(this.#storedAt, storedAt);
  }

  /**
   * Takes note of what the server says, and returns what the listener has missed since the last look.
   * Exact for one instance. With several, what another one read counts as read, and so does what it got
   * again.
   */
  looked(look: LogLook, now: number): Missed | undefined {
    const { first, last, deliveries, delivered, pending } = look;
    const before = this.#look;
    const known = before !== undefined && last >= this.#place;
    // Else it is another log, or this instance has just begun.
    const place = known ? this.#place : Math.max(delivered, look.recorded);
    const mine = this.#read.filter((seq) => seq > place);
    const others = known
      ? Math.max(0, deliveries - before.deliveries - this.#read.length - this.#again)
      : 0;
    const read = new Set(mine.filter((seq) => seq < first));
    const messages = Math.max(0, first - 1 - place - read.size - others);
    this.#place = Math.max(
      place,
      first - 1,
      ...mine,
      others > 0 ? delivered : 0,
      // Nothing waited after the look before.
      pending === 0 && known ? before.last : 0,
    );
    this.#look = look;
    this.#lookedAt = now;
    this.#read = [];
    this.#again = 0;
    if (messages === 0) return undefined;
    let from = place + 1;
    while (read.has(from)) from++;
    return { stream: this.#stream, from, to: first - 1, messages };
  }

  /**
   * The place, if it is time to record it: from `delivered` alone, an instance that begins could not tell
   * messages that it has missed from those of other rooms.
   */
  toRecord(now: number): number | undefined {
    if (this.#look === undefined) return undefined;
    const { maxAgeMs, delivered, recorded } = this.#look;
    const every = Math.min(RECORD_MS, maxAgeMs > 0 ? RECORD_SHARE * maxAgeMs : RECORD_MS);
    if (now - this.#recordedAt < every || this.#place <= Math.max(delivered, recorded)) return;
    this.#recordedAt = now;
    return this.#place;
  }

  /** Messages of its rooms that wait: not delivered, or not acknowledged. */
  get waiting(): number {
    return this.#look === undefined ? 0 : this.#look.pending + this.#look.unacked;
  }

  /** How old the newest message is that was read, while others wait; milliseconds. 0 if none do. */
  delay(now = Date.now()): number {
    if (this.#storedAt === 0 || !this.#look?.pending) return 0;
    return Math.max(0, now - this.#storedAt);
  }

  /** Whether the log is going to drop messages before they are read, if the listener stays as slow as it is. */
  inDanger(now = Date.now()): boolean {
    if (!this.#look?.pending) return false;
    const { first, last, bytes, maxBytes, maxAgeMs } = this.#look;
    if (maxAgeMs > 0 && this.delay(now) > IN_DANGER * maxAgeMs) return true;
    const unread = (last - this.#place) / (last - first + 1);
    return maxBytes > 0 && bytes > IN_DANGER * maxBytes && unread > IN_DANGER;
  }

  /** Whether the log may drop a message, stored at `storedAt`, before it comes again in so many milliseconds. */
  dropsWithin(storedAt: number, ms: number, now = Date.now()): boolean {
    const maxAgeMs = this.#look?.maxAgeMs ?? 0;
    const late = Math.min(LATE_MS, LATE_SHARE * maxAgeMs);
    return maxAgeMs > 0 && now + ms + late - storedAt >= maxAgeMs;
  }
}
