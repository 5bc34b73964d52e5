/**
 * Delivers the live messages of one room in order and without a gap. Core NATS delivers at most once,
 * so a message can be missing. The sequencer compares each message's `prev` with the last message
 * delivered. If they differ, it reads the missing messages from the archive and delivers them before
 * anything newer.
 *
 * @module
 */
import type { Arrival } from "./delivery_hops.ts";

/** A stored message, live or from the archive. */
export interface Entry {
  /** Its sequence number in the stream. */
  seq: number;
  /** The seq of the message before it in the same room; 0 if there is none. */
  prev: number;
  /** The event's JSON. */
  event: Uint8Array;
  /** How a live message arrived. */
  arrival?: Arrival;
}

/** One page of the archive. */
export interface ArchivePage {
  /** Consecutive messages of the room, oldest first. */
  entries: Entry[];
  /** Whether more of the requested messages follow. */
  more: boolean;
  /** Messages up to this seq may be missing: retention has deleted them, or they were lost. */
  trimmedTo: number;
}

/** What a sequencer needs from its room. */
export interface SequencerHost {
  /**
   * Delivers the next message. `prev` is the seq of the message delivered before it. A higher `prev`
   * means that the messages between them are lost.
   */
  deliver(entry: Entry, prev: number): void;
  /**
   * Reads the messages after `after` from the archive once it has reached `upTo`. If it rejects, the
   * sequencer retries.
   */
  read(after: number, upTo: number): Promise<ArchivePage>;
  /** A live message is not newer than the last one delivered. Usually a repair delivered it first. */
  stale(): void;
  /** Messages up to this seq, which nobody has any more, may be missing in what follows. */
  missed(upTo: number): void;
  /** The sequencer is about to read the archive. */
  repairing(after: number, upTo: number): void;
  /** A read failed. The sequencer retries after a wait. */
  failed(error: unknown): void;
}

/** Live messages, and their bytes, held during a repair. The repair reads the rest from the archive. */
const MAX_HELD = 1_024;
const MAX_HELD_BYTES = 1024 * 1024;

/** First and longest wait before the archive is read again after a failure, milliseconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/** See the module's doc. Starts suspended: nothing is delivered before {@link Sequencer.begin}. */
export class Sequencer {
  readonly #host: SequencerHost;
  #head = 0;
  #live = false;
  #suspended = true;
  #repairing = false;
  #stopped = false;
  /** The repair reads the archive at least up to this seq. */
  #target = 0;
  /** Live messages that wait for the end of a repair. */
  #held: Entry[] = [];
  #heldBytes = 0;
  #waiters: (() => void)[] = [];

  constructor(host: SequencerHost) {
    this.#host = host;
  }

  /** The seq of the last message delivered. */
  get head(): number {
    return this.#head;
  }

  /** Whether live messages are delivered at once: not suspended, and no repair is running. */
  get live(): boolean {
    return this.#live;
  }

  /** Accepts a live message: delivers it, or holds it until the messages before it are repaired. */
  accept(entry: Entry): void {
    if (entry.seq <= this.#head && !this.#suspended) return this.#host.stale();
    // A prev below the head is no gap, because a connected NATS drops nothing in between: retention has
    // removed the last delivered message from the log, so the server names an older one.
    if (this.#live && entry.prev <= this.#head) {
      const prev = this.#head;
      this.#head = entry.seq;
      this.#host.deliver(entry, prev);
      return;
    }
    this.#hold(entry);
    if (!this.#suspended) this.#repair();
  }

  /** Holds live messages until {@link resume}: after a disconnect from NATS some may be missing. */
  suspend(): void {
    this.#suspended = true;
    this.#live = false;
  }

  /** Starts delivery after the seq `head`. Call it once, before the first delivery. */
  begin(head: number): void {
    this.#head = head;
    this.resume(head);
  }

  /** Resumes delivery. `head` is the last seq of the room's log now; what is missing is repaired. */
  resume(head: number): void {
    this.#suspended = false;
    this.repairUpTo(head);
  }

  /** Repairs everything up to the seq `head`, which the room's log has reached. */
  repairUpTo(head: number): void {
    this.#target = Math.max(this.#target, head);
    if (!this.#suspended) this.#repair();
  }

  /** Resolves when the sequencer is {@link live}, that is repaired, or has stopped. Never rejects. */
  repaired(): Promise<void> {
    if (this.#live || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#waiters.push(resolve));
  }

  /** Stops for good: nothing more is delivered. */
  stop(): void {
    this.#stopped = true;
    this.#live = false;
    this.#suspended = true;
    this.#held = [];
    this.#resolveWaiters();
  }

  /** Holds a live message until the repair reaches it. */
  #hold(entry: Entry): void {
    if (this.#held.length >= MAX_HELD || this.#heldBytes + entry.event.length > MAX_HELD_BYTES) {
      // It is stored, so the repair can read it from the archive.
      this.#target = Math.max(this.#target, entry.seq);
      return;
    }
    this.#held.push(entry);
    this.#heldBytes += entry.event.length;
  }

  /** Delivers held messages that follow the head, reads the gap before the next one, and repeats. */
  async #repair(): Promise<void> {
    if (this.#repairing) return;
    this.#repairing = true;
    this.#live = false;
    let wait = RETRY_MIN_MS;
    while (!this.#suspended && !this.#stopped) {
      const gap = this.#releaseHeld();
      const upTo = Math.max(gap ?? 0, this.#target);
      if (upTo <= this.#head) break;
      this.#host.repairing(this.#head, upTo);
      try {
        const page = await this.#host.read(this.#head, upTo);
        if (this.#stopped) break;
        this.#deliverPage(page, upTo);
        wait = RETRY_MIN_MS;
      } catch (error) {
        this.#host.failed(error);
        await new Promise((resolve) => setTimeout(resolve, wait));
        wait = Math.min(wait * 2, RETRY_MAX_MS);
      }
    }
    this.#repairing = false;
    if (this.#suspended || this.#stopped) return;
    this.#live = true;
    this.#resolveWaiters();
  }

  #deliverPage(page: ArchivePage, upTo: number): void {
    if (page.trimmedTo > this.#head) this.#host.missed(page.trimmedTo);
    for (const entry of page.entries) {
      if (entry.seq <= this.#head) continue;
      // The archive's own prev: if retention has removed messages, members can see the gap.
      this.#host.deliver(entry, entry.prev);
      this.#head = entry.seq;
    }
    if (page.more) return;
    // The archive is complete up to `upTo`. A message that it does not have is lost.
    this.#target = this.#target <= upTo ? 0 : this.#target;
    const next = this.#held.find(({ seq }) => seq > this.#head);
    if (next !== undefined && next.seq <= upTo) {
      this.#host.deliver(next, next.prev);
      this.#head = next.seq;
    }
  }

  /**
   * Delivers held messages in order, up to the first gap. Returns the seq of the message after the gap,
   * undefined if there is none.
   */
  #releaseHeld(): number | undefined {
    this.#held.sort((a, b) => a.seq - b.seq);
    let done = 0;
    let gap: number | undefined;
    for (const entry of this.#held) {
      if (entry.seq > this.#head) {
        if (entry.prev !== this.#head) {
          gap = entry.seq;
          break;
        }
        this.#head = entry.seq;
        this.#host.deliver(entry, entry.prev);
      }
      this.#heldBytes -= entry.event.length;
      done++;
    }
    this.#held.splice(0, done);
    return gap;
  }

  #resolveWaiters(): void {
    const waiters = this.#waiters;
    this.#waiters = [];
    for (const resolve of waiters) resolve();
  }
}
