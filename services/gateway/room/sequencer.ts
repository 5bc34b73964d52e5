/**
 * Puts the live messages of one room in order and without a hole. Core NATS delivers at most once,
 * so each message's `prev` is compared with the last one delivered; where they differ the missing
 * ones are read from the archive and delivered before anything newer.
 *
 * @module
 */

/** A stored message, live or from the archive. */
export interface Entry {
  seq: number;
  prev: number;
  /** The event's JSON. */
  event: Uint8Array;
  traceparent?: string;
}

/** A part of the archive. */
export interface ArchivePart {
  entries: Entry[];
  /** Whether more follow that were asked for. */
  more: boolean;
}

/** What a sequencer needs of its room. */
export interface SequencerHost {
  /** Delivers the next message. `prev` is what members saw last, unless something is truly lost. */
  deliver(entry: Entry, prev: number): void;
  /** Reads on from the archive: messages after `after`, which must have reached `upTo`. */
  read(after: number, upTo: number): Promise<ArchivePart>;
  /** A message came that is not newer than what was delivered: mostly a repair was faster. */
  stale(): void;
  /** A repair has begun, or a read failed and will be tried again. */
  repairing(after: number, upTo: number): void;
  failed(error: unknown): void;
}

/** Live messages that wait while a repair is under way; more are read from the archive instead. */
const MAX_HELD = 1_024;
const MAX_HELD_BYTES = 1024 * 1024;

/** Waits between tries to read the archive, milliseconds. */
const RETRY_MIN_MS = 100;
const RETRY_MAX_MS = 2_000;

/** See the module's doc. Starts suspended: nothing is delivered before {@link Sequencer.resume}. */
export class Sequencer {
  readonly #host: SequencerHost;
  #head = 0;
  #live = false;
  #suspended = true;
  #repairing = false;
  #stopped = false;
  /** The log must have been read at least up to here. */
  #target = 0;
  #held: Entry[] = [];
  #heldBytes = 0;
  #settled: (() => void)[] = [];

  constructor(host: SequencerHost) {
    this.#host = host;
  }

  /** The seq of the last message delivered. */
  get head(): number {
    return this.#head;
  }

  /** Whether messages go straight through. */
  get live(): boolean {
    return this.#live;
  }

  /** Takes in a live message. */
  accept(entry: Entry): void {
    if (entry.seq <= this.#head && !this.#suspended) return this.#host.stale();
    // While NATS is connected it loses nothing between. A prev below the head means that the log no
    // longer has what was delivered last: retention took it.
    if (this.#live && entry.prev <= this.#head) {
      const prev = this.#head;
      this.#head = entry.seq;
      this.#host.deliver(entry, prev);
      return;
    }
    this.#hold(entry);
    if (!this.#suspended) this.#repair();
  }

  /** Holds everything back: what comes may lack what went before (NATS is gone, or a room opens). */
  suspend(): void {
    this.#suspended = true;
    this.#live = false;
  }

  /** Sets the place from which on this room is followed. Only before the first delivery. */
  begin(head: number): void {
    this.#head = head;
    this.resume(head);
  }

  /** Goes on: the log is known to reach `head`. */
  resume(head: number): void {
    this.#suspended = false;
    this.reach(head);
  }

  /** The log is known to reach `head`; what is missing up to it is read. */
  reach(head: number): void {
    this.#target = Math.max(this.#target, head);
    if (!this.#suspended) this.#repair();
  }

  /** Resolves when messages go straight through again, or the sequencer has stopped. */
  settled(): Promise<void> {
    if (this.#live || this.#stopped) return Promise.resolve();
    return new Promise((resolve) => this.#settled.push(resolve));
  }

  /** Delivers nothing more. */
  stop(): void {
    this.#stopped = true;
    this.#live = false;
    this.#suspended = true;
    this.#held = [];
    this.#wake();
  }

  #hold(entry: Entry): void {
    if (this.#held.length >= MAX_HELD || this.#heldBytes + entry.event.length > MAX_HELD_BYTES) {
      // It is stored, so the repair that is under way can read it.
      this.#target = Math.max(this.#target, entry.seq);
      return;
    }
    this.#held.push(entry);
    this.#heldBytes += entry.event.length;
  }

  /** Delivers held messages that follow; then reads what lies before the next one, and again. */
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
        const part = await this.#host.read(this.#head, upTo);
        if (this.#stopped) break;
        this.#deliverPart(part, upTo);
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
    this.#wake();
  }

  #deliverPart(part: ArchivePart, upTo: number): void {
    for (const entry of part.entries) {
      if (entry.seq <= this.#head) continue;
      // Where retention took what lay between, the true prev shows members the hole.
      this.#host.deliver(entry, entry.prev);
      this.#head = entry.seq;
    }
    if (part.more) return;
    // The archive is whole up to `upTo`; what it does not have there, nobody has.
    this.#target = this.#target <= upTo ? 0 : this.#target;
    const next = this.#held.find(({ seq }) => seq > this.#head);
    if (next !== undefined && next.seq <= upTo) {
      this.#host.deliver(next, next.prev);
      this.#head = next.seq;
    }
  }

  /** Delivers held messages in order as far as they join up. Gives the seq of the first that does not. */
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

  #wake(): void {
    const settled = this.#settled;
    this.#settled = [];
    for (const resolve of settled) resolve();
  }
}
