/**
 * When what is pending is written: at the end of the turn while the edge has little to write, in
 * windows that grow while writing takes much of its time. The send system call (5 to 10 us) is what
 * a delivery costs, so the more frames go out in one, the more a core carries.
 *
 * @module
 */

/** What has something pending. */
export interface Flushable {
  flush(): void;
}

/**
 * How long writing is owed a rest for each millisecond that it took: while it takes less than
 * half of the time nothing is delayed.
 */
const REST = 1;

/** A rest shorter than this is not worth a timer, milliseconds. */
const LEAST_REST_MS = 1;

/** See the module's doc. One a gateway. */
export class FlushSchedule {
  readonly #ceiling: number;
  readonly #now: () => number;
  #feeds: Flushable[] = [];
  #outboxes: Flushable[] = [];
  #scheduled = false;
  #owed = 0;
  #flushed = 0;

  /** `ceiling` is the longest that anything is delayed, milliseconds; 0 delays nothing. */
  constructor(ceiling: number, now: () => number = () => performance.now()) {
    this.#ceiling = ceiling;
    this.#now = now;
  }

  /** Whether any room has something that its members' outboxes do not have yet. */
  get feedsPending(): boolean {
    return this.#feeds.length > 0;
  }

  /** A room has something for its members. To be called once until it is flushed. */
  addFeed(feed: Flushable): void {
    this.#feeds.push(feed);
    this.#schedule();
  }

  /** A socket has something pending. To be called once until it is flushed. */
  addOutbox(outbox: Flushable): void {
    this.#outboxes.push(outbox);
    this.#schedule();
  }

  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    const wait = Math.min(this.#ceiling, this.#rest(this.#now()));
    if (wait < LEAST_REST_MS) setImmediate(this.#flush);
    else setTimeout(this.#flush, wait);
  }

  /** What is still owed of the rest, milliseconds. */
  #rest(now: number): number {
    return Math.max(0, this.#owed - (now - this.#flushed));
  }

  readonly #flush = (): void => {
    const began = this.#now();
    const owed = this.#rest(began);
    // First what rooms have, so that it goes out in the same writes as all else.
    const feeds = this.#feeds;
    for (let i = 0; i < feeds.length; i++) feeds[i]!.flush();
    feeds.length = 0;
    const outboxes = this.#outboxes;
    for (let i = 0; i < outboxes.length; i++) outboxes[i]!.flush();
    outboxes.length = 0;
    this.#scheduled = false;
    this.#flushed = this.#now();
    this.#owed = Math.min(this.#ceiling, owed + (this.#flushed - began) * REST);
  };
}
