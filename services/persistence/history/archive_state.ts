/**
 * What this instance knows of the archive's generations and position, and readers that wait until
 * the archive has reached a seq. The instance that writes knows it at once. The others read it from
 * the database, while a reader needs it.
 *
 * @module
 */
import { FaultError } from "../../kit/mod.ts";
import type { Generation, Hole } from "../archive/archive.ts";

/** How long a reader waits at most, milliseconds. The gateway allows 4 s for the whole read. */
const WAIT_DEADLINE_MS = 2_000;

/** How old what is known may be, and the time between two reads while readers wait, milliseconds. */
const POLL_MS = 25;

/** Most readers that may wait at a time. */
const MAX_WAITING = 10_000;

/** Most unexplained holes that are kept. */
const MAX_UNEXPLAINED = 1_000;

/** The `retryAfter` of a refused reader, milliseconds. */
const RETRY_AFTER_MS = 500;

/** The archive at one moment. */
export interface Snapshot {
  /** Oldest first; the last one is that of the log now. Never empty. */
  generations: readonly Generation[];
  /** Holes that nobody has explained. */
  unexplained: readonly (Hole & { epoch: string })[];
}

/**
 * Options of {@link ArchiveState}. Times are in milliseconds; the defaults are the constants above.
 */
export interface ArchiveStateOptions {
  /** Reads the state from the database. */
  read(): Promise<Snapshot>;
  /** Returns the seq of the log's last message, to refuse readers that wait for a later one. */
  readLogEnd(): Promise<{ epoch: string; last: number }>;
  deadline?: number;
  poll?: number;
  maxWaiting?: number;
}

interface Waiter {
  upTo: number;
  deadline: number;
  /** The first read of the log's end that may refuse this reader: one that began after it came. */
  poll: number;
  resolve(snapshot: Snapshot): void;
  reject(error: FaultError): void;
}

/** See the module's doc. */
export class ArchiveState {
  readonly #source: Pick<ArchiveStateOptions, "read" | "readLogEnd">;
  readonly #options: { deadline: number; poll: number; maxWaiting: number };
  #snapshot: Snapshot | null = null;
  /** Whether this instance writes: then nobody else moves the position. */
  #writing = false;
  #readAt = -Infinity;
  #reading: Promise<void> | undefined;
  #polls = 0;
  #waiting: Waiter[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor({ read, readLogEnd, deadline, poll, maxWaiting }: ArchiveStateOptions) {
    this.#source = { read, readLogEnd };
    this.#options = {
      deadline: deadline ?? WAIT_DEADLINE_MS,
      poll: poll ?? POLL_MS,
      maxWaiting: maxWaiting ?? MAX_WAITING,
    };
  }

  /** The generation of the log, as last known; null before anything is known. */
  get current(): Generation | null {
    return this.#snapshot?.generations.at(-1) ?? null;
  }

  /** How many holes nobody has explained, as last known. */
  get unexplained(): number {
    return this.#snapshot?.unexplained.length ?? 0;
  }

  /** How many messages are in those holes. */
  get unexplainedMessages(): number {
    const holes = this.#snapshot?.unexplained ?? [];
    return holes.reduce((sum, { first, last }) => sum + last - first + 1, 0);
  }

  /** How many readers wait. */
  get waiting(): number {
    return this.#waiting.length;
  }

  /** The writer has attached to the log: what is known comes from here until {@link release}. */
  attach(snapshot: Snapshot): void {
    this.#writing = true;
    this.#take(snapshot);
  }

  /** The writer has moved the position. */
  advance(position: number, unexplained: Snapshot["unexplained"] = []): void {
    const snapshot = this.#snapshot;
    if (snapshot === null || !this.#writing) return;
    const current = snapshot.generations.at(-1)!;
    this.#take({
      generations: [...snapshot.generations.slice(0, -1), { ...current, position }],
      unexplained: [...snapshot.unexplained, ...unexplained].slice(-MAX_UNEXPLAINED),
    });
  }

  /** Holes may have been explained: reads what is left of them. */
  async refreshHoles(): Promise<void> {
    const { unexplained } = await this.#source.read();
    if (this.#snapshot !== null) this.#snapshot = { ...this.#snapshot, unexplained };
  }

  /** This instance no longer writes. */
  release(): void {
    this.#writing = false;
    this.#readAt = -Infinity;
  }

  /**
   * Returns what is archived now, as of at most one poll interval ago.
   *
   * @throws {FaultError} `unavailable` if the archive is not available or has never seen a log
   */
  async read(): Promise<Snapshot> {
    if (!this.#writing && performance.now() - this.#readAt >= this.#options.poll) {
      await this.#refresh();
    }
    if (this.#snapshot === null) throw notAttached();
    return this.#snapshot;
  }

  /**
   * Waits until everything up to a seq of the log is archived.
   *
   * @throws {FaultError} `unavailable` if this takes too long, too many readers wait, or no log is
   * attached; `invalid_format` if the log has no such seq yet
   */
  async reach(upTo: number): Promise<Snapshot> {
    const snapshot = await this.read();
    if (upTo <= snapshot.generations.at(-1)!.position) return snapshot;
    if (this.#waiting.length >= this.#options.maxWaiting) {
      throw new FaultError("unavailable", "too many readers wait for the archive", RETRY_AFTER_MS);
    }
    return await new Promise((resolve, reject) => {
      const deadline = performance.now() + this.#options.deadline;
      this.#waiting.push({ upTo, deadline, poll: this.#polls + 1, resolve, reject });
      // Wait before polling: what was stored a moment ago is about to be archived.
      this.#timer ??= setTimeout(() => this.#tick(), this.#options.poll);
    });
  }

  /** Refuses all waiting readers. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const error = new FaultError("unavailable", "shutting down", RETRY_AFTER_MS);
    for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
  }

  #take(snapshot: Snapshot): void {
    const before = this.current?.epoch;
    this.#snapshot = snapshot;
    const { epoch, position } = snapshot.generations.at(-1)!;
    if (this.#waiting.length === 0) return;
    const error = new FaultError("unavailable", "the log was replaced", RETRY_AFTER_MS);
    this.#settle((waiter) => {
      if (before !== undefined && before !== epoch) waiter.reject(error);
      else if (waiter.upTo <= position) waiter.resolve(snapshot);
      else return false;
      return true;
    });
  }

  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = new FaultError("unavailable", "the archive is behind", RETRY_AFTER_MS);
    this.#settle((waiter) => {
      if (waiter.deadline > now) return false;
      waiter.reject(late);
      return true;
    });
    if (this.#waiting.length === 0) return;
    void this.#refresh();
    this.#timer = setTimeout(() => this.#tick(), this.#options.poll);
  }

  /** Reads once at a time. Never throws, because every waiting reader has a deadline. */
  #refresh(): Promise<void> {
    return this.#reading ??= this.#readOnce().finally(() => this.#reading = undefined);
  }

  async #readOnce(): Promise<void> {
    const began = performance.now();
    const poll = ++this.#polls;
    try {
      if (!this.#writing) {
        const snapshot = await this.#source.read();
        if (!this.#writing && snapshot.generations.length > 0) {
          this.#take(snapshot);
          this.#readAt = began;
        }
      }
      if (this.#waiting.length > 0) await this.#refuseBeyondEnd(poll);
    } catch {
      // The next poll tries again.
    }
  }

  /** Refuses readers that wait for a seq that the log does not have. */
  async #refuseBeyondEnd(poll: number): Promise<void> {
    const { epoch, last } = await this.#source.readLogEnd();
    if (epoch !== this.current?.epoch) return;
    const error = new FaultError("invalid_format", `upTo: the log ends at ${last}`);
    this.#settle((waiter) => {
      if (waiter.poll > poll || waiter.upTo <= last) return false;
      waiter.reject(error);
      return true;
    });
  }

  #settle(done: (waiter: Waiter) => boolean): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((waiter) => !done(waiter));
  }
}

function notAttached(): FaultError {
  return new FaultError("unavailable", "the archive is not attached to a log", 1_000);
}
