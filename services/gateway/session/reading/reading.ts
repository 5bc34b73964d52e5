/**
 * Back-pressure on one client: pauses its transport for a reason, and keeps frames that were read already
 * until the reason is gone.
 *
 * @module
 */
import { type Fault, fault } from "../../../contract/mod.ts";
import { Inbox, type InboxBudget } from "./inbox.ts";
import { type PauseReason, ReadPauses } from "./read_pauses.ts";
import { referenceOfText } from "../frame_reference.ts";

/**
 * How long a client is not read from after it was refused a frame for its rate, milliseconds: this on average.
 * Without that, reading and refusing 64 KiB frames at the rate of the network would keep the gateway busy. A
 * user's connections are refused together, and each may have 64 KiB to read: they go on at different times, so that
 * others wait for one of them and not for all.
 */
const SLOW_MS = 100;

/** A session, as its reading needs it. */
export interface Reader {
  /** The transport. */
  readonly peer: { pause(): void; resume(): void };
  /** Runs the text of one frame, which was read at a monotonic time in milliseconds. */
  run(text: string, readAt: number): void;
  /** Refuses a frame. */
  refuse(refusal: Fault, frame: { id?: string; room?: string }): void;
}

/** See the module's doc. */
export class Reading {
  readonly #session: Reader;
  readonly #budget: InboxBudget;
  readonly #pauses = new ReadPauses();
  /** Made when frames first have to wait. */
  #inbox: Inbox | null = null;
  /** Runs while the client is slowed down. */
  #slowed: ReturnType<typeof setTimeout> | undefined;

  /** `budget` bounds the frames of all sessions that wait. */
  constructor(session: Reader, budget: InboxBudget) {
    this.#session = session;
    this.#budget = budget;
  }

  /** Characters of frames that wait. */
  get waiting(): number {
    return this.#inbox?.size ?? 0;
  }

  /** Stops reading from the client, which has to wait. */
  pause(reason: PauseReason): void {
    if (this.#pauses.add(reason)) this.#session.peer.pause();
  }

  /** Stops reading for a moment from a client that sends more than it may. */
  slowDown(): void {
    if (this.#slowed !== undefined) return;
    this.pause("rate");
    this.#slowed = setTimeout(() => {
      this.#slowed = undefined;
      this.resume("rate");
    }, SLOW_MS * (0.5 + Math.random()));
  }

  /** A reason is gone. Frames that waited run first. */
  resume(reason: PauseReason): void {
    if (!this.#pauses.remove(reason)) return;
    while (this.#inbox?.empty === false && !this.#pauses.holding) {
      const { readAt } = this.#inbox;
      this.#session.run(this.#inbox.shift(), readAt);
    }
    if (!this.#pauses.active) this.#session.peer.resume();
  }

  /**
   * Takes the text of one frame, read at a monotonic time in milliseconds: runs it, keeps it, or refuses it
   * where nothing more can be kept.
   */
  receive(text: string, readAt: number): void {
    if (!this.#pauses.holding && this.#inbox?.empty !== false) {
      return this.#session.run(text, readAt);
    }
    this.#inbox ??= new Inbox(this.#budget);
    if (this.#inbox.push(text, readAt)) return;
    const refusal = fault("unavailable", "too many frames wait", 1_000);
    this.#session.refuse(refusal, referenceOfText(text));
  }

  /** The session has ended: nothing waits any more. */
  end(): void {
    clearTimeout(this.#slowed);
    this.#inbox?.clear();
  }
}
