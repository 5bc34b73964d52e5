/**
 * Knows up to which seq of the log everything is archived, and lets readers wait for a seq.
 *
 * What this instance has archived itself it knows at once. With several instances each archives
 * batches of its own, and a seq may be archived here while one before it is still with another; the
 * durable consumer's ack floor is what holds for all, so it is asked while somebody waits.
 *
 * @module
 */
import { FaultError } from "../kit/mod.ts";
import type { Progress } from "./stream.ts";

/** How long a reader waits at most, milliseconds. The gateway gives a read 4 s in all. */
const DEADLINE_MS = 2_000;

/** Time between two looks at the consumer, milliseconds; one look is two requests to NATS. */
const POLL_MS = 25;

/** Readers that may wait at a time. */
const MAX_WAITING = 10_000;

/** Runs of seqs archived here, but beyond what is known of the others, that are remembered. */
const MAX_AHEAD = 1_024;

/** What a refused reader is told to wait, milliseconds. */
const RETRY_AFTER_MS = 500;

/** Up to where an epoch's log is archived. */
export interface Position {
  epoch: string;
  floor: number;
}

/** Options of {@link Barrier}; times in milliseconds. */
export interface BarrierOptions {
  /** Asks the log and its consumer how far they are. */
  read(): Promise<Progress>;
  /** Called when the log is found to be another one than {@link Barrier.begin} was told of. */
  onOtherLog?(): void;
  deadline?: number;
  poll?: number;
  maxWaiting?: number;
}

interface Waiter {
  upTo: number;
  deadline: number;
  /** The first look that counts: one under way already may not know of the seq yet. */
  look: number;
  resolve(position: Position): void;
  reject(error: FaultError): void;
}

/** See the module's doc. */
export class Barrier {
  readonly #options: Required<Omit<BarrierOptions, "read" | "onOtherLog">>;
  readonly #read: () => Promise<Progress>;
  readonly #onOtherLog: () => void;
  #epoch: string | null = null;
  #floor = 0;
  /** Runs [first, last] archived here, rising, with gaps between them and to the floor. */
  #ahead: [number, number][] = [];
  #waiting: Waiter[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking: Promise<void> | undefined;
  #looks = 0;
  #lookedAt = -Infinity;

  constructor(options: BarrierOptions) {
    const { read, onOtherLog = () => {}, deadline, poll, maxWaiting } = options;
    this.#read = read;
    this.#onOtherLog = onOtherLog;
    this.#options = {
      deadline: deadline ?? DEADLINE_MS,
      poll: poll ?? POLL_MS,
      maxWaiting: maxWaiting ?? MAX_WAITING,
    };
  }

  /** What is known now; null before the first {@link Barrier.begin}. */
  get position(): Position | null {
    return this.#epoch === null ? null : { epoch: this.#epoch, floor: this.#floor };
  }

  /** How many readers wait, and how many runs are remembered. */
  get size(): { waiting: number; ahead: number } {
    return { waiting: this.#waiting.length, ahead: this.#ahead.length };
  }

  /** The log has been found, or found again. Of the same one, what is known stays known. */
  begin({ epoch, floor, last }: Progress): void {
    if (epoch !== this.#epoch) {
      this.#epoch = epoch;
      this.#floor = floor;
      this.#ahead = [];
      this.#refuseAll("the log is another one now");
      return;
    }
    // Beyond the log's end nothing is known, whatever was: it may have lost its end.
    this.#floor = Math.min(this.#floor, last);
    this.#ahead = this.#ahead.filter(([, to]) => to <= last);
    this.#raise(floor);
  }

  /** Messages with these seqs of a log have been archived here. */
  archived(epoch: string, seqs: readonly number[]): void {
    if (epoch !== this.#epoch) return;
    const sorted = seqs.toSorted((a, b) => a - b);
    for (let i = 0; i < sorted.length;) {
      const first = sorted[i]!;
      let last = first;
      while (i < sorted.length && sorted[i]! <= last + 1) last = sorted[i++]!;
      this.#add(first, last);
    }
    // Forgetting costs nothing but a look at the consumer.
    this.#ahead.splice(MAX_AHEAD);
    this.#raise(this.#floor);
  }

  /**
   * Waits until everything up to a seq is archived.
   *
   * @throws {FaultError} `unavailable` where that takes too long or too many wait; `invalid_format`
   * where the log has no such seq yet
   */
  reach(upTo: number): Promise<Position> {
    const { position } = this;
    if (position === null) return Promise.reject(notThere());
    if (upTo <= position.floor) return Promise.resolve(position);
    if (this.#waiting.length >= this.#options.maxWaiting) {
      return Promise.reject(
        new FaultError("unavailable", "too many wait for the archive", RETRY_AFTER_MS),
      );
    }
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        upTo,
        deadline: performance.now() + this.#options.deadline,
        look: this.#looks + 1,
        resolve,
        reject,
      });
      // Not at once: what was stored a moment ago is mostly about to be archived here.
      this.#timer ??= setTimeout(() => this.#tick(), this.#options.poll);
    });
  }

  /**
   * What is archived now, no older than one poll.
   *
   * @throws {FaultError} `unavailable` while there is no log
   */
  async now(): Promise<Position> {
    if (performance.now() - this.#lookedAt >= this.#options.poll) await this.#look();
    if (this.position === null) throw notThere();
    return this.position;
  }

  /** Refuses all who wait. */
  close(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#refuseAll("shutting down");
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
    void this.#look();
    this.#timer = setTimeout(() => this.#tick(), this.#options.poll);
  }

  /** Asks the consumer, one at a time. Never throws: who waits has a deadline. */
  #look(): Promise<void> {
    return this.#looking ??= this.#lookOnce().finally(() => this.#looking = undefined);
  }

  async #lookOnce(): Promise<void> {
    const look = ++this.#looks;
    const began = performance.now();
    let progress: Progress;
    try {
      progress = await this.#read();
    } catch {
      return;
    }
    if (this.#epoch === null) return;
    if (progress.epoch !== this.#epoch) return this.#onOtherLog();
    this.#lookedAt = began;
    this.#raise(progress.floor);
    const error = new FaultError("invalid_format", `upTo: the log ends at ${progress.last}`);
    this.#settle((waiter) => {
      if (waiter.look > look || waiter.upTo <= progress.last) return false;
      waiter.reject(error);
      return true;
    });
  }

  /** Raises the floor, and over the runs that join up with it. */
  #raise(floor: number): void {
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

  /** Adds a run, joined with those that it touches. */
  #add(first: number, last: number): void {
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

  #refuseAll(why: string): void {
    const error = new FaultError("unavailable", why, RETRY_AFTER_MS);
    this.#settle((waiter) => {
      waiter.reject(error);
      return true;
    });
  }
}

function notThere(): FaultError {
  return new FaultError("unavailable", "the log is not there", 1_000);
}
