/**
 * The identity of one stream of the log that this gateway follows; `logs.ts` has all of them. The gateway
 * reads it at start, at each reconnect to NATS, when persistence announces another one, every half minute,
 * and whenever something looks wrong, because the stream may have been replaced, cut or restored.
 *
 * @module
 */
import {
  LOG_CHANGED,
  LogChanged,
  logConfirmOf,
  ROOMS_STREAM,
  SEQS_PER_STREAM,
  streamCountOf,
} from "../../contract/mod.ts";
import {
  type Bus,
  epochOfStream,
  errorText,
  managerOfLeaders,
  request,
  subscribe,
  within,
} from "../../kit/mod.ts";
import { Anchors } from "./anchors.ts";
import type { Log } from "./log.ts";
import { lostSeq } from "./lost_seq.ts";

/** Wait between attempts to find it or have it confirmed, ms: first, while nobody can join, and later. */
const RETRY_MIN_MS = 125;
const RETRY_URGENT_MS = 500;
const RETRY_MAX_MS = 2_000;

/** The shortest time between two checks by {@link Log.checkIdentity}, milliseconds. */
const CHECK_INTERVAL_MS = 1_000;
const CHECK_SOON_MS = 50;

/** The time between two checks without a reason, milliseconds; each is up to a third shorter. */
const PERIODIC_CHECK_MS = 30_000;

/** Timeout of a request to JetStream or to persistence, milliseconds. */
const TIMEOUT_MS = 2_000;

/**
 * How long the gateway waits for persistence to confirm the log before it follows it all the same, ms.
 * Persistence attaches to the log again within a second of a reconnect. Meanwhile a log that was restored
 * from an older copy still has its old epoch.
 */
const SETTLE_MS = 2_000;

/** Finds a stream, and follows its identity. `inspected` is called whenever it has been read. */
export function followLog(bus: Bus, stream: string, inspected: () => void): Log {
  return new FollowedLog(bus, stream, inspected);
}

class FollowedLog implements Log {
  readonly #bus: Bus;
  readonly stream: string;
  readonly anchors = new Anchors();
  readonly #inspected: () => void;
  readonly #onReconnected: (() => void)[] = [];
  readonly #onReplaced: ((reason: string) => void)[] = [];
  readonly #changes: { unsubscribe(): void };
  readonly #timer: ReturnType<typeof setInterval>;
  #epoch: string | null = null;
  #streams: number | null = null;
  #end = SEQS_PER_STREAM;
  #found = Promise.withResolvers<void>();
  #isFound = false;
  #confirmed = Promise.withResolvers<void>();
  #isConfirmed = false;
  /** Counts (re)connects: what was found out before the last one is void. */
  #connects = 0;
  #connectedAt = performance.now();
  /** When the stream first answered after the last (re)connect; Infinity until then. */
  #answeredAt = Infinity;
  #checkedAt = -Infinity;
  /** How often the stream has been read. */
  #reads = 0;
  #soon: ReturnType<typeof setTimeout> | undefined;
  #finding: Promise<void> | undefined;
  #wakeUp: (() => void) | undefined;
  #stopped = false;

  constructor(bus: Bus, stream: string, inspected: () => void) {
    this.#bus = bus;
    this.stream = stream;
    this.#inspected = inspected;
    bus.onReconnect(() => this.#connected());
    this.#changes = subscribe(bus, LOG_CHANGED, LogChanged, ({ epoch, stream: changed }) => {
      if ((changed ?? ROOMS_STREAM) !== stream) return;
      this.#wakeUp?.();
      if (epoch !== this.#epoch) this.#find();
    });
    const period = PERIODIC_CHECK_MS * (1 - Math.random() / 3);
    this.#timer = setInterval(() => this.checkIdentity(), period);
    queueMicrotask(() => this.#connected());
  }

  get epoch(): string | null {
    return this.#epoch;
  }

  get streams(): number | null {
    return this.#streams;
  }

  get end(): number {
    return this.#end;
  }

  get found(): boolean {
    return this.#isFound;
  }

  get unconfirmedMs(): number {
    return this.#isConfirmed ? 0 : Math.max(0, performance.now() - this.#answeredAt);
  }

  async waitUntilFound(deadline: number): Promise<void> {
    if (!this.#isFound) await within(this.#found.promise, deadline);
  }

  async waitUntilConfirmed(deadline: number): Promise<boolean> {
    if (!this.#isConfirmed) await within(this.#confirmed.promise, deadline);
    return this.#isConfirmed;
  }

  onReconnected(callback: () => void): void {
    this.#onReconnected.push(callback);
  }

  onReplaced(callback: (reason: string) => void): void {
    this.#onReplaced.push(callback);
  }

  checkIdentity(soon = false): void {
    const now = performance.now();
    if (!this.#isFound || this.#stopped) return;
    if (now - this.#checkedAt < (soon ? CHECK_SOON_MS : CHECK_INTERVAL_MS)) {
      if (soon) this.#soon ??= setTimeout(() => this.#checkSoon(), CHECK_SOON_MS);
      return;
    }
    this.#checkedAt = now;
    this.#find();
  }

  #checkSoon(): void {
    this.#soon = undefined;
    this.checkIdentity(true);
  }

  async readAgain(deadline: number): Promise<void> {
    const end = performance.now() + deadline;
    // One that has begun may have been answered before.
    const wanted = this.#reads + (this.#finding === undefined ? 1 : 2);
    while (this.#reads < wanted && performance.now() < end && !this.#stopped) {
      this.checkIdentity(true);
      await new Promise((resolve) => setTimeout(resolve, CHECK_SOON_MS / 2));
    }
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    clearTimeout(this.#soon);
    this.#changes.unsubscribe();
  }

  /** After a (re)connect it may be another log. */
  #connected(): void {
    if (this.#stopped) return;
    this.#connects++;
    this.#connectedAt = performance.now();
    this.#answeredAt = Infinity;
    this.#lose();
    this.#find();
  }

  #lose(): void {
    if (this.#isFound) this.#found = Promise.withResolvers();
    this.#isFound = false;
    if (this.#isConfirmed) this.#confirmed = Promise.withResolvers();
    this.#isConfirmed = false;
  }

  #find(): void {
    this.#finding ??= this.#findOnce().finally(() => this.#finding = undefined);
  }

  /** Reads the stream's identity until it is known, and until persistence has confirmed it. */
  async #findOnce(): Promise<void> {
    let loggedError: string | undefined;
    let wait = RETRY_MIN_MS;
    let connects = this.#connects;
    while (!this.#stopped) {
      if (connects !== this.#connects) wait = RETRY_MIN_MS;
      connects = this.#connects;
      try {
        if (await this.#inspect(connects) && await this.#settle(connects)) return;
      } catch (error) {
        const text = errorText(error);
        if (text !== loggedError && !this.#isFound) {
          this.#bus.log.warn("waiting for the stream", { stream: this.stream, error: text });
        }
        loggedError = text;
      }
      await this.#sleep(wait * (0.75 + Math.random() / 2));
      wait = Math.min(wait * 2, this.#isFound ? RETRY_MAX_MS : RETRY_URGENT_MS);
    }
  }

  /** Sleeps until persistence announces that it archives a log, or the time is up. */
  async #sleep(ms: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wakeUp = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wakeUp = undefined;
  }

  /** Reads the stream once. Returns false if it is no log that this gateway may follow (yet). */
  async #inspect(connects: number): Promise<boolean> {
    const manager = await managerOfLeaders(this.#bus, { timeout: TIMEOUT_MS });
    // Before the stream is read: what arrives later may be newer than what it reports.
    const { highest } = this.anchors;
    const info = await manager.streams.info(this.stream);
    const before = this.#epoch;
    const epoch = epochOfStream(info);
    const lost = before === epoch ? await lostSeq(manager, info, highest, this.anchors) : null;
    if (connects !== this.#connects) return false;
    this.#answeredAt = Math.min(this.#answeredAt, performance.now());
    if (lost !== null) {
      // The log has to get another epoch before anybody may follow it.
      this.#lose();
      const confirm = logConfirmOf(this.stream);
      await request(this.#bus, confirm, { epoch, lost }, { timeout: TIMEOUT_MS });
      return false;
    }
    this.#streams = streamCountOf(info.config.subjects);
    this.#end = (Math.floor(info.state.last_seq / SEQS_PER_STREAM) + 1) * SEQS_PER_STREAM;
    this.#epoch = epoch;
    this.#reads++;
    this.#inspected();
    if (before !== null && before !== epoch) {
      if (this.#isConfirmed) this.#lose();
      this.anchors.clear();
      for (const callback of this.#onReplaced) {
        callback("the log was replaced or has lost messages");
      }
    }
    return true;
  }

  /** Asks persistence to confirm the log, and follows it once it has, or is silent. Returns whether it has. */
  async #settle(connects: number): Promise<boolean> {
    const epoch = this.#epoch!;
    if (!this.#isConfirmed) {
      const options = { timeout: TIMEOUT_MS };
      const confirm = logConfirmOf(this.stream);
      const answer = await request(this.#bus, confirm, { epoch }, options).catch(() => null);
      if (connects !== this.#connects) return false;
      if (answer === null) {
        if (performance.now() - this.#connectedAt >= SETTLE_MS) this.#follow();
        return false;
      }
      // It archives another log: this one is about to get another epoch.
      if (answer.epoch !== epoch) return false;
      this.#isConfirmed = true;
      this.#confirmed.resolve();
    }
    this.#follow();
    return true;
  }

  #follow(): void {
    if (this.#isFound) return;
    this.#isFound = true;
    this.#found.resolve();
    for (const callback of this.#onReconnected) callback();
  }
}
