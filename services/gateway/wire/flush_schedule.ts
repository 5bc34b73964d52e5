/**
 * Decides when queued frames are written. A gateway with little to write flushes at the end of each
 * turn of the event loop. A busy gateway pauses between flushes, so that more frames share one write.
 * The send system call (5 to 10 us) is most of what a delivery costs, so the more frames one call
 * carries, the more deliveries a core sustains.
 *
 * @module
 */

/** Something with frames to write. */
export interface Flushable {
  /** Writes or hands on everything queued. Must not throw. */
  flush(): void;
}

/**
 * Milliseconds of pause after each millisecond of writing. With 1 nothing is delayed while writing
 * takes less than half of the time.
 */
const PAUSE_PER_WRITE_MS = 1;

/** A shorter pause, in milliseconds, is not worth a timer. */
const MIN_PAUSE_MS = 1;

/** See the module's doc. One per gateway: all rooms and sockets share it. */
export class FlushSchedule {
  readonly #maxDelay: number;
  readonly #now: () => number;
  #feeds: Flushable[] = [];
  #outboxes: Flushable[] = [];
  #scheduled = false;
  /** The pause that began at the end of the last flush, and that time; milliseconds. */
  #pause = 0;
  #flushedAt = 0;
  /** Bytes that outboxes have written, since the start. */
  bytesWritten = 0;
  #onWritten: ((began: number, ended: number) => void) | null = null;

  /**
   * `maxDelay` is the longest that a frame waits for a flush, milliseconds; 0 delays nothing. `now` is
   * a monotonic clock in milliseconds; tests pass their own.
   */
  constructor(maxDelay: number, now: () => number = () => performance.now()) {
    this.#maxDelay = maxDelay;
    this.#now = now;
  }

  /**
   * Calls back after each flush, with the times at which the first write of the flush began and the last
   * one had been handed to the system.
   */
  onWritten(callback: (began: number, ended: number) => void): void {
    this.#onWritten = callback;
  }

  /** Whether any room has frames queued that its members' outboxes do not have yet. */
  get feedsPending(): boolean {
    return this.#feeds.length > 0;
  }

  /** Adds a room's feed to the next flush. Call it once per flush of the feed. */
  addFeed(feed: Flushable): void {
    this.#feeds.push(feed);
    this.#schedule();
  }

  /** Adds a socket's outbox to the next flush. Call it once per flush of the outbox. */
  addOutbox(outbox: Flushable): void {
    this.#outboxes.push(outbox);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = Math.min(this.#maxDelay, this.#remainingPause(this.#now()));
    if (wait < MIN_PAUSE_MS) setImmediate(this.#flush);
    else setTimeout(this.#flush, wait);
  }

  /** How much of the pause is left, milliseconds. */
  #remainingPause(now: number): number {
    return Math.max(0, this.#pause - (now - this.#flushedAt));
  }

  readonly #flush = (): void => {
    const began = this.#now();
    const remaining = this.#remainingPause(began);
    // Feeds first: they fill the outboxes, so their frames share a write with everything else.
    const feeds = this.#feeds;
    for (let i = 0; i < feeds.length; i++) feeds[i]!.flush();
    feeds.length = 0;
    const writing = this.#now();
    const outboxes = this.#outboxes;
    for (let i = 0; i < outboxes.length; i++) outboxes[i]!.flush();
    outboxes.length = 0;
    this.#scheduled = false;
    this.#flushedAt = this.#now();
    this.#onWritten?.(writing, this.#flushedAt);
    const earned = (this.#flushedAt - began) * PAUSE_PER_WRITE_MS;
    this.#pause = Math.min(this.#maxDelay, remaining + earned);
    // Rooms to which something was said while sockets were written.
    if (this.#feeds.length > 0) this.#schedule();
  };
}
