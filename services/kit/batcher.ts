/**
 * Sends many small requests to a service as few large ones, and never more than the service answers.
 *
 * Requests that arrive together travel together, and those that arrive while a batch is under way wait
 * for it, a few milliseconds at most. Only so many batches are under way at a time; the rest waits here,
 * in order, up to a deadline. The number under way follows what the service can do, see
 * `send_window.ts`. A request whose caller has given up, or that has too little time left for an answer,
 * is not sent. So a service at its limit works at its full rate on requests that somebody still waits
 * for, and nothing is left to do once a storm is over.
 *
 * @module
 */
import { FaultError } from "./fault_error.ts";
import { SendWindow } from "./send_window.ts";
import { type Waiting, WaitingQueue } from "./waiting_queue.ts";

/**
 * How long requests wait for a batch that is under way, milliseconds: about what a batch takes. In a
 * storm a batch of one costs as much as a batch of a hundred.
 */
const GATHER_MS = 3;

/**
 * How long each attempt of a batch may take, milliseconds. The first is short, since an instance that
 * was paused or killed still receives its share of the requests.
 */
const ATTEMPT_TIMEOUTS_MS: readonly number[] = [500, 1_000, 2_000];

/**
 * An answer that takes longer, milliseconds, shows that too many batches are under way: the next ones
 * would exceed the first attempt's timeout, and the service would work on what was given up.
 */
const PROMPT_MS = 150;

/** With less time left, milliseconds, or half of the deadline, an answer would come too late. */
const MIN_REST_MS = 500;

/** Waits before a batch is sent again, milliseconds, doubled each time; half of each is random. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 1_000;

/** A single attempt that failed sooner says nothing about the service's load, milliseconds. */
const TELLING_MS = 1_000;

/** How often requests with deadlines of their own are looked through, milliseconds. */
const SWEEP_MS = 100;

/** Retries are paid from a budget that answered batches fill: one retry for so many answers. */
const ANSWERS_PER_RETRY = 5;
const MAX_RETRY_BUDGET = 20;

/** How a {@link Batcher} works. */
export interface BatcherOptions<Item, Result> {
  /** Requests in one batch at most. */
  maxBatch: number;
  /** Bytes in one batch at most, by `sizeOf`; one item always fits. */
  maxBytes?: number;
  /** The bytes that an item takes in a batch. */
  sizeOf?: (item: Item) => number;
  /** Requests that may wait. One more is refused. */
  maxQueue: number;
  /** How long a request may take in all, milliseconds; `deadlineOf` may say less for some. */
  deadlineMs: number;
  /** The deadline of one item, milliseconds. */
  deadlineOf?: (item: Item) => number;
  /** Batches under way: at first and at most. */
  window?: { first: number; max: number };
  /** Whether an attempt that failed as `unavailable` is repeated; true unless told otherwise. */
  retry?: boolean;
  /**
   * Sends one batch and returns a result or a refusal for each item, in order. A FaultError
   * `unavailable` that it throws is retried.
   */
  send(items: Item[], timeoutMs: number): Promise<(Result | FaultError)[]>;
  /** Random numbers in [0, 1), for tests. */
  random?: () => number;
}

const always = () => true;

/** See the module's doc. */
export class Batcher<Item, Result> {
  readonly #options: BatcherOptions<Item, Result>;
  readonly #random: () => number;
  readonly #queue = new WaitingQueue<Item, Result>();
  #underWay = 0;
  readonly #window: SendWindow;
  #retryBudget = MAX_RETRY_BUDGET;
  #scheduled = false;
  #gather: ReturnType<typeof setTimeout> | undefined;
  #sweep: ReturnType<typeof setTimeout> | undefined;
  /** Items answered per millisecond, a moving average; 0 until it is known. */
  #rate = 0;
  #closed = false;

  /** Nothing is sent before the first {@link submit}. */
  constructor(options: BatcherOptions<Item, Result>) {
    this.#options = options;
    this.#random = options.random ?? Math.random;
    // One attempt that is not repeated may take all the time there is.
    this.#window = new SendWindow(options.retry === false ? Infinity : PROMPT_MS, options.window);
  }

  /** See {@link MIN_REST_MS}. */
  get #minRest(): number {
    const { retry = true, deadlineMs } = this.#options;
    return retry ? Math.min(MIN_REST_MS, deadlineMs / 2) : 0;
  }

  /** Requests that wait, batches under way, and how many of those there may be. */
  get size(): { waiting: number; underWay: number; window: number } {
    return {
      waiting: this.#queue.size,
      underWay: this.#underWay,
      window: this.#window.size,
    };
  }

  /**
   * Requests something. `wanted` tells whether the caller still waits when its turn comes.
   *
   * @throws {FaultError} the service's own refusal; `unavailable` with a spread `retryAfter` if the
   * service cannot answer in time
   */
  submit(item: Item, wanted: () => boolean = always): Promise<Result> {
    const { maxQueue, deadlineOf } = this.#options;
    const deadlineMs = deadlineOf?.(item) ?? this.#options.deadlineMs;
    const waiting = this.#queue.size;
    // Can it be served in time at the measured rate? A refusal now costs nothing. What fits into the free
    // part of the window does not wait.
    const free = Math.max(0, Math.floor(this.#window.size) - this.#underWay) *
      this.#options.maxBatch;
    const wait = this.#rate > 0 ? Math.max(0, waiting - free) / this.#rate : 0;
    if (this.#closed || waiting >= maxQueue || wait > deadlineMs - this.#minRest) {
      return Promise.reject(this.#overloaded(wait));
    }
    return new Promise((resolve, reject) => {
      const deadline = performance.now() + deadlineMs;
      this.#queue.push({ item, deadline, wanted, resolve, reject });
      this.#schedule();
    });
  }

  /** Refuses everything that waits, and everything from now on. */
  close(): void {
    this.#closed = true;
    clearTimeout(this.#sweep);
    clearTimeout(this.#gather);
    for (const one of this.#queue.clear()) one.reject(this.#overloaded(0));
  }

  #overloaded(wait: number): FaultError {
    // Spread, so that clients that are refused together do not retry together.
    const after = Math.max(500, wait) * (0.5 + this.#random());
    return new FaultError("unavailable", "too many requests are waiting", Math.ceil(after));
  }

  #schedule(): void {
    if (this.#queue.size === 0) return;
    if (this.#scheduled || this.#underWay >= this.#window.size) return this.#watchDeadlines();
    this.#scheduled = true;
    // With nothing under way at the end of this turn: what else arrives in it travels along.
    const full = this.#queue.size >= this.#options.maxBatch;
    if (this.#underWay === 0 || full) setImmediate(this.#send);
    else this.#gather = setTimeout(this.#send, GATHER_MS);
  }

  readonly #send = (): void => {
    this.#scheduled = false;
    this.#gather = undefined;
    while (this.#underWay < this.#window.size && this.#queue.size > 0) {
      const batch = this.#take();
      if (batch.length > 0) void this.#run(batch);
    }
    this.#watchDeadlines();
  };

  /** While nothing can be sent, requests whose deadline passes are refused in time. */
  #watchDeadlines(): void {
    if (this.#queue.size === 0 || this.#sweep !== undefined || this.#closed) return;
    const { deadlineOf, deadlineMs } = this.#options;
    const first = this.#queue.firstDeadline - performance.now();
    // With deadlines of their own, requests behind the first may be due before it.
    const wait = Math.max(10, deadlineOf === undefined ? first : Math.min(first, SWEEP_MS));
    this.#sweep = setTimeout(() => {
      this.#sweep = undefined;
      const late = this.#queue.takeLate(performance.now(), deadlineOf !== undefined);
      for (const one of late) one.reject(this.#overloaded(deadlineMs));
      this.#watchDeadlines();
    }, wait);
  }

  /** Takes the next batch: requests in order that somebody still waits for. */
  #take(): Waiting<Item, Result>[] {
    const { maxBatch, maxBytes = Infinity, sizeOf = () => 0 } = this.#options;
    const latest = performance.now() + this.#minRest;
    const refuse = (one: Waiting<Item, Result>) => one.reject(this.#overloaded(0));
    return this.#queue.take({ maxBatch, maxBytes, sizeOf, latest, refuse });
  }

  async #run(batch: Waiting<Item, Result>[]): Promise<void> {
    this.#underWay++;
    try {
      await this.#attempts(batch);
    } finally {
      this.#underWay--;
      if (this.#gather !== undefined && this.#underWay === 0) {
        clearTimeout(this.#gather);
        this.#send();
      } else {
        this.#schedule();
      }
    }
  }

  async #attempts(batch: Waiting<Item, Result>[]): Promise<void> {
    const { retry = true } = this.#options;
    let left = batch;
    for (let attempt = 0;; attempt++) {
      const now = performance.now();
      const rest = left.length === 0 ? 0 : left[0]!.deadline - now;
      const most = ATTEMPT_TIMEOUTS_MS[attempt] ?? ATTEMPT_TIMEOUTS_MS.at(-1)!;
      const timeout = retry ? Math.min(most, rest) : rest;
      if (timeout <= 0 || left.length === 0 || this.#closed) return this.#refuse(left);
      try {
        const results = await this.#options.send(left.map(({ item }) => item), timeout);
        this.#answered(left.length, performance.now() - now);
        return left.forEach((one, i) => settle(one, results[i]));
      } catch (error) {
        const code = error instanceof FaultError ? error.fault.code : undefined;
        const final = !retry || code !== "unavailable";
        const waited = performance.now() - now;
        if (final && code !== "unavailable" && code !== "timeout") this.#answered(0, 1);
        // A caller that allows very little time says nothing about the service.
        else if (retry || waited >= TELLING_MS) this.#window.failed();
        if (final) return left.forEach((one) => settle(one, asFault(error)));
        if (this.#retryBudget < 1) return this.#refuse(left);
        this.#retryBudget--;
      }
      const wait = Math.min(RETRY_MIN_MS * 2 ** attempt, RETRY_MAX_MS) * (0.5 + this.#random() / 2);
      await new Promise((resolve) => setTimeout(resolve, wait));
      left = left.filter((one) => {
        if (one.wanted()) return true;
        one.reject(this.#overloaded(0));
        return false;
      });
    }
  }

  #refuse(batch: Waiting<Item, Result>[]): void {
    for (const one of batch) one.reject(this.#overloaded(this.#options.deadlineMs / 4));
  }

  #answered(items: number, took: number): void {
    this.#retryBudget = Math.min(MAX_RETRY_BUDGET, this.#retryBudget + 1 / ANSWERS_PER_RETRY);
    this.#window.answered(took);
    if (this.#queue.size === 0) {
      // Nobody waits: what was measured under load is no longer true.
      this.#rate = 0;
      return;
    }
    // Only full batches in a full window tell what the service can do.
    if (items < this.#options.maxBatch / 2 || this.#underWay < Math.floor(this.#window.size)) {
      return;
    }
    // What one batch got, times the batches side by side.
    const rate = items * this.#underWay / Math.max(1, took);
    this.#rate = this.#rate === 0 ? rate : this.#rate * 0.8 + rate * 0.2;
  }
}

function settle<Item, Result>(one: Waiting<Item, Result>, result?: Result | FaultError): void {
  if (result === undefined) one.reject(asFault(result));
  else if (result instanceof FaultError) one.reject(result);
  else one.resolve(result);
}

function asFault(error: unknown): FaultError {
  return error instanceof FaultError ? error : new FaultError("unavailable", undefined, 1_000);
}
