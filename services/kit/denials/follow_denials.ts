/**
 * Follows the stream of denials. A follower asks JetStream about every second what is new, and at once when
 * it hears that something was stored. So it needs no consumer and misses nothing, and it knows for how
 * long it may have missed something: since the last answer.
 *
 * @module
 */
import { jetstreamManager } from "@nats-io/jetstream";
import { type Denial, DENIALS_STREAM, DENIALS_STREAM_SUBJECT } from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";
import { errorText } from "../log.ts";
import { DenialList, type StoredDenial } from "./denial_list.ts";
import { type DenialMessage, readDenials } from "./denial_message.ts";

/** How often a follower asks, milliseconds. A denial is effective within a second on every gateway. */
const SYNC_MS = 900;

/** How long one answer of JetStream may take, milliseconds. */
const TIMEOUT_MS = 2_000;

/** For how long reading has to fail before it is logged, milliseconds. */
const WARN_AFTER_MS = 3_000;

/** How long a lifted denial stays in the stream for those who have not heard of it, milliseconds. */
export const LIFTED_MS = 3_600_000;

/** How often denials that have ended leave the list, milliseconds. */
const PRUNE_MS = 60_000;

/** After this long without an answer a follower reads everything again, milliseconds. */
const RELOAD_MS = LIFTED_MS / 4;

/** The denials, followed. */
export interface Denials {
  /** What is known. */
  readonly list: DenialList;
  /** Whether an answer of JetStream that is younger than `ms` confirmed the list. */
  isFresh(ms: number): boolean;
  /** Returns {@link isFresh}; waits for an answer up to `deadline` milliseconds. */
  waitUntilFresh(ms: number, deadline: number): Promise<boolean>;
  /**
   * Asks now.
   *
   * @throws {Error} if JetStream does not answer, or there is no stream
   */
  sync(): Promise<void>;
  /** Adds a callback for each change of the list, which gets the denials that are new. */
  onChange(callback: (added: readonly Denial[]) => void): void;
  /**
   * Adds a callback for a stream that was replaced by another one, or got messages that are no denials.
   * It gets the seqs of these.
   */
  onDamaged(callback: (foreign: readonly number[]) => void): void;
  /** Adds a callback for denials that have ended and are no longer in the list. */
  onEnded(callback: (ended: readonly StoredDenial[]) => void): void;
  /** Stops following. */
  stop(): void;
}

/** Begins to follow the denials in the background. `now` is a monotonic clock in milliseconds. */
export function followDenials(bus: Bus, now: () => number = () => performance.now()): Denials {
  return new FollowedDenials(bus, now);
}

class FollowedDenials implements Denials {
  readonly list = new DenialList();
  readonly #bus: Bus;
  readonly #now: () => number;
  readonly #onChange: ((added: readonly Denial[]) => void)[] = [];
  readonly #onDamaged: ((foreign: readonly number[]) => void)[] = [];
  readonly #onEnded: ((ended: readonly StoredDenial[]) => void)[] = [];
  readonly #hints: { unsubscribe(): void };
  readonly #timer: ReturnType<typeof setInterval>;
  /** When the stream that is followed was created; identifies it. */
  #stream: string | undefined;
  /** The last seq that was read. */
  #cursor = 0;
  #syncedAt = -Infinity;
  #prunedAt = -Infinity;
  #syncing: Promise<void> | undefined;
  /** Whether something was stored since the sync under way began. */
  #again = false;
  #nextSync = Promise.withResolvers<void>();
  /** The last success, or the start. */
  #failingSince: number;
  #lastError: string | undefined;
  #stopped = false;

  constructor(bus: Bus, now: () => number) {
    this.#failingSince = now();
    this.#bus = bus;
    this.#now = now;
    this.#timer = setInterval(() => this.#syncSoon(), SYNC_MS);
    // Whoever publishes here can only make this process ask: what counts is what the stream has.
    this.#hints = bus.nats.subscribe(DENIALS_STREAM_SUBJECT, { callback: () => this.#syncSoon() });
    bus.onReconnect(() => this.#syncSoon());
    this.#syncSoon();
  }

  isFresh(ms: number): boolean {
    return this.#now() - this.#syncedAt <= ms;
  }

  async waitUntilFresh(ms: number, deadline: number): Promise<boolean> {
    const end = this.#now() + deadline;
    while (!this.isFresh(ms) && !this.#stopped) {
      const left = end - this.#now();
      if (left <= 0) return false;
      let timer: ReturnType<typeof setTimeout> | undefined;
      const late = new Promise<void>((resolve) => timer = setTimeout(resolve, left));
      await Promise.race([this.#nextSync.promise, late]);
      clearTimeout(timer);
    }
    return this.isFresh(ms);
  }

  async sync(): Promise<void> {
    // The one under way may have asked before something was stored.
    await this.#syncing?.catch(() => {});
    await this.#start();
  }

  onChange(callback: (added: readonly Denial[]) => void): void {
    this.#onChange.push(callback);
  }

  onDamaged(callback: (foreign: readonly number[]) => void): void {
    this.#onDamaged.push(callback);
  }

  onEnded(callback: (ended: readonly StoredDenial[]) => void): void {
    this.#onEnded.push(callback);
  }

  stop(): void {
    this.#stopped = true;
    clearInterval(this.#timer);
    this.#hints.unsubscribe();
    this.#nextSync.resolve();
  }

  #syncSoon(): void {
    if (this.#stopped || !this.#bus.connected) return;
    if (this.#syncing !== undefined) this.#again = true;
    else this.#start().catch((error) => this.#failed(error));
  }

  #failed(error: unknown): void {
    const text = errorText(error);
    // When everything starts at once, auth has not created the stream yet.
    const lasts = this.#now() - this.#failingSince > WARN_AFTER_MS;
    if (lasts && text !== this.#lastError && !this.#stopped) {
      this.#bus.log.warn("cannot read the revocations", { error: text });
      this.#lastError = text;
    }
  }

  #start(): Promise<void> {
    return this.#syncing ??= this.#sync().finally(() => {
      this.#syncing = undefined;
      if (this.#again) this.#syncSoon();
    });
  }

  async #sync(): Promise<void> {
    this.#again = false;
    const askedAt = this.#now();
    const manager = await jetstreamManager(this.#bus.nats, {
      checkAPI: false,
      timeout: TIMEOUT_MS,
    });
    const { created, state } = await manager.streams.info(DENIALS_STREAM);
    const replaced = this.#stream !== undefined &&
      (this.#stream !== String(created) || state.last_seq < this.#cursor);
    // A denial that was lifted and then removed from the stream is not heard of any more.
    const reload = askedAt - this.#syncedAt > RELOAD_MS;
    const from = replaced || reload ? 1 : this.#cursor + 1;
    const found = state.messages === 0
      ? []
      : await readDenials(manager, Math.max(from, state.first_seq), state.last_seq);
    // Applied together, with nothing in between: a list that is half read denies too little.
    if (replaced) this.list.orphan();
    else if (reload) this.list.clear();
    const { added, foreign } = this.#apply(found);
    this.#stream = String(created);
    this.#cursor = state.last_seq;
    this.#syncedAt = askedAt;
    this.#lastError = undefined;
    this.#failingSince = this.#now();
    if (askedAt - this.#prunedAt >= PRUNE_MS) {
      this.#prunedAt = askedAt;
      const ended = this.list.prune();
      if (ended.length > 0) { for (const callback of this.#onEnded) callback(ended); }
    }
    this.#nextSync.resolve();
    this.#nextSync = Promise.withResolvers();
    if (added.length > 0 || replaced) { for (const callback of this.#onChange) callback(added); }
    if (replaced || foreign.length > 0) {
      for (const callback of this.#onDamaged) callback(foreign);
    }
  }

  #apply(found: readonly DenialMessage[]): { added: Denial[]; foreign: number[] } {
    const added: Denial[] = [];
    const foreign: number[] = [];
    for (const { seq, subject, denial } of found) {
      if (denial === null) {
        foreign.push(seq);
        this.list.overwritten(subject, seq);
        continue;
      }
      const known = this.list.find(denial);
      // Of two streams the newer word counts, in one stream the later seq.
      const newer = known === undefined ||
        (known.seq > 0 ? known.seq < seq : known.denial.at <= denial.at);
      if (!newer) continue;
      this.list.set(denial, seq);
      added.push(denial);
    }
    return { added, foreign };
  }
}
