/**
 * Tracks up to which seq the log is completely archived, and lets readers wait for a seq.
 *
 * An instance knows at once what it has archived itself. With several instances, each archives its
 * own batches, so one may archive a seq while another still holds an earlier one. The ack floor of
 * their shared durable consumer covers all instances. It is polled while a reader waits.
 *
 * @module
 */
import { FaultError } from "../kit/mod.ts";
import type { LogProgress } from "./stream.ts";

/** How long a reader waits at most, milliseconds. The gateway allows 4 s for the whole read. */
const WAIT_DEADLINE_MS = 2_000;

/** Time between two polls of the consumer, milliseconds. A poll takes two requests to NATS. */
const POLL_MS = 25;

/** Most readers that may wait at a time. */
const MAX_WAITING = 10_000;

/** Most remembered runs of seqs that this instance archived above the floor. */
const MAX_AHEAD = 1_024;

/** The `retryAfter` of a refused reader, milliseconds. */
const RETRY_AFTER_MS = 500;

/** Up to which seq the log of an epoch is archived. */
export interface Position {
  epoch: string;
  /** Everything up to this seq is archived or irretrievable. */
  floor: number;
}

/**
 * Options of {@link ArchiveProgress}. Times are in milliseconds; the defaults are the constants
 * above.
 */
export interface ArchiveProgressOptions {
  /** Reads the progress of the log and its consumer. */
  read(): Promise<LogProgress>;
  /**
   * Called when a poll finds that another log has replaced the one given to {@link
   * ArchiveProgress.attach}.
   */
  onLogReplaced?(): void;
  deadline?: number;
  poll?: number;
  maxWaiting?: number;
}

interface Waiter {
  upTo: number;
  deadline: number;
  /**
   * The first poll that may refuse this reader. A poll already in progress may have read the end of
   * the log before the seq was stored.
   */
  poll: number;
  resolve(position: Position): void;
  reject(error: FaultError): void;
}

/** Tracks what is archived, for readers of history. See the module's doc. */
export class ArchiveProgress {
  readonly #options: Required<Omit<ArchiveProgressOptions, "read" | "onLogReplaced">>;
  readonly #read: () => Promise<LogProgress>;
  readonly #onLogReplaced: () => void;
  #epoch: string | null = null;
  #floor = 0;
  /**
   * Runs [first, last] that this instance archived, in ascending order, separated by gaps from the
   * floor and each other.
   */
  #ahead: [number, number][] = [];
  #waiting: Waiter[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #polling: Promise<void> | undefined;
  #polls = 0;
  #polledAt = -Infinity;

  constructor(options: ArchiveProgressOptions) {
    const { read, onLogReplaced = () => {}, deadline, poll, maxWaiting } = options;
    this.#read = read;
    this.#onLogReplaced = onLogReplaced;
    this.#options = {
      deadline: deadline ?? WAIT_DEADLINE_MS,
      poll: poll ?? POLL_MS,
      maxWaiting: maxWaiting ?? MAX_WAITING,
    };
  }

  /** What is known without polling; null before the first {@link ArchiveProgress.attach}. */
  get position(): Position | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, floor: this.#floor };
  }

  /** The numbers of waiting readers and of remembered runs. */
  get size(): { waiting: number; ahead: number } {
    return { waiting: this.#waiting.length, ahead: this.#ahead.length };
  }

  /**
   * Starts tracking a log. If it is the same log as before, keeps what is known of it. Otherwise
   * refuses all waiting readers.
   */
  attach({ epoch, floor, last }: LogProgress): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#floor = floor;
      this.#ahead = [];
      this.#rejectAll("another log has replaced the previous one");
      return;
    }
    // Forget everything above the end of the log: the log may have lost its last messages.
    this.#floor = Math.min(this.#floor, last);
    this.#ahead = this.#ahead.filter(([, to]) => to <= last);
    this.#raiseFloor(floor);
  }

  /** Records that this instance has archived these seqs of a log. Ignores those of another log. */
  markArchived(epoch: string, seqs: readonly number[]): void {
    if (epoch !== this.#epoch) return;
    const sorted = seqs.toSorted((a, b) => a - b);
    for (let i = 0; i < sorted.length;) {
      const first = sorted[i]!;
      let last = first;
      while (i < sorted.length && sorted[i]! <= last + 1) last = sorted[i++]!;
      this.#addRun(first, last);
    }
    // A forgotten run only costs a poll of the consumer.
    this.#ahead.splice(MAX_AHEAD);
    this.#raiseFloor(this.#floor);
  }

  /**
   * Waits until everything up to a seq is archived. Resolves with what is archived then.
   *
   * @throws {FaultError} `unavailable` if this takes too long, too many readers wait, or no log is
   * attached; `invalid_format` if the log has no such seq yet
   */
  waitUntilArchived(upTo: number): Promise<Position> {
    const { position } = this;
    if (position === null) return Promise.reject(logUnavailable());
    if (upTo <= position.floor) return Promise.resolve(position);
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(
        new FaultError("unavailable", "too many readers wait for the archive", RETRY_AFTER_MS),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        upTo,
        deadline: performance.now() + this.#options.deadline,
        poll: this.#polls + 1,
        resolve,
        reject,
      });
      // Wait before polling: this instance is usually about to archive what was stored a moment
      // ago.
      this.#timer ??= setTimeout(() => this.#tick(), this.#options.poll);
    });
  }

  /**
   * Returns what is archived now, as of at most one poll interval ago.
   *
   * @throws {FaultError} `unavailable` if no log is attached
   */
  async current(): Promise<Position> {
    if (performance.now() - this.#polledAt >= this.#options.poll) await this.#poll();
    if (this.position === null) throw logUnavailable();
    return this.position;
  }

  /** Refuses all waiting readers. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#rejectAll("shutting down");
  }

  #tick(): void {
    this.#timer = undefined;
    const now = performance.now();
    const late = this.#waiting.filter(({ deadline }) => deadline <= now);
    if (late.length > 0) {
      this.#waiting = this.#waiting.filter(({ deadline }) => deadline > now);
      const error = new FaultError("unavailable", "the archive is behind", RETRY_AFTER_MS);
      for (const waiter of late) waiter.reject(error);
    }
    if (this.#waiting.length === 0) return;
    void this.#poll();
    this.#timer = setTimeout(() => this.#tick(), this.#options.poll);
  }

  /**
   * Polls the consumer, one poll at a time. Never throws, because every waiting reader has a
   * deadline.
   */
  #poll(): Promise<void> {
    return this.#polling ??= this.#pollOnce().finally(() => this.#polling = undefined);
  }

  async #pollOnce(): Promise<void> {
    const poll = ++this.#polls;
    const began = performance.now();
    let progress: LogProgress;
    try {
      progress = await this.#read();
    } catch {
      return;
    }
    if (this.#epoch === null) return;
    if (progress.epoch !== this.#epoch) return this.#onLogReplaced();
    this.#polledAt = began;
    this.#raiseFloor(progress.floor);
    const error = new FaultError("invalid_format", `upTo: the log ends at ${progress.last}`);
    this.#settle((waiter) => {
      if (waiter.poll > poll || waiter.upTo <= progress.last) return false;
      waiter.reject(error);
      return true;
    });
  }

  /**
   * Raises the floor, then on over the runs adjacent to it, and resolves the readers it reaches.
   */
  #raiseFloor(floor: number): void {
    this.#floor = Math.max(this.#floor, floor);
    while (this.#ahead.length > 0 && this.#ahead[0]![0] <= this.#floor + 1) {
      this.#floor = Math.max(this.#floor, this.#ahead.shift()![1]);
    }
    const position = this.position!;
    this.#settle((waiter) => {
      if (waiter.upTo > position.floor) return false;
      waiter.resolve(position);
      return true;
    });
  }

  /** Adds a run, merged with the runs that it overlaps or touches. */
  #addRun(first: number, last: number): void {
    let at = 0;
    while (at < this.#ahead.length && this.#ahead[at]![1] < first - 1) at++;
    let end = at;
    while (end < this.#ahead.length && this.#ahead[end]![0] <= last + 1) {
      first = Math.min(first, this.#ahead[end]![0]);
      last = Math.max(last, this.#ahead[end]![1]);
      end++;
    }
    this.#ahead.splice(at, end - at, [first, last]);
  }

  #settle(done: (waiter: Waiter) => boolean): void {
    if (this.#waiting.length > 0) this.#waiting = this.#waiting.filter((waiter) => !done(waiter));
  }

  #rejectAll(why: string): void {
    const error = new FaultError("unavailable", why, RETRY_AFTER_MS);
    this.#settle((waiter) => {
      waiter.reject(error);
      return true;
    });
  }
}

function logUnavailable(): FaultError {
  return new FaultError("unavailable", "the log is not available", 1_000);
}
