/**
 * How far the client has read a room's log: which messages are duplicates, where there is a gap, and
 * when a replay is complete. It does no I/O.
 *
 * @module
 */

/** A point in a room's log: the last message's `seq`, and the epoch of the log that it belongs to. */
export interface Position {
  /** The last message's number; 0 before the first message. */
  seq: number;
  /** The incarnation of the log. */
  epoch: string;
}

/** The server's answer to a subscription. */
export interface Subscribed extends Position {
  /** Whether every missed message follows. `seq` is then the last of them. */
  recovered: boolean;
}

/** Messages above `after` and below `before` that cannot be recovered. */
export interface LostRange {
  /** The last message that arrived. */
  after: number;
  /** The first message that can arrive. */
  before: number;
}

/**
 * What to do with a message. `next`: deliver it. `duplicate`: drop it. `gap`: drop it and subscribe
 * again, which replays it after the missing messages. `replaying`: drop it, the replay includes it.
 * `unrecoverable`: report the gap before it, then deliver it.
 */
export type MessageOrder = "next" | "duplicate" | "gap" | "replaying" | "unrecoverable";

/** The position of one room, across connections. */
export class RoomPosition {
  #last: Position | null;
  /** The last message of the replay in progress. */
  #replayEnd = 0;
  /** Whether a replay was requested to fill a gap, and has not begun. */
  #isRepairing = false;
  /** The `seq` before the last gap that a replay was to fill: no second replay is requested there. */
  #repairedAt = -1;

  /** `since`: where to resume, if the application knows. */
  constructor(since: Position | undefined) {
    this.#last = since ? { ...since } : null;
  }

  /** The last message, as a copy; null if the room was never joined. */
  get last(): Position | null {
    return this.#last && { ...this.#last };
  }

  /** Whether the replay is complete. */
  get isCaughtUp(): boolean {
    return (this.#last?.seq ?? 0) >= this.#replayEnd;
  }

  /**
   * Takes over the answer to a subscription. `rejoined` is false if that only filled a gap. `lost` is
   * the range that was missed and cannot be recovered, if any.
   */
  subscribed({ seq, epoch, recovered }: Subscribed): { rejoined: boolean; lost?: LostRange } {
    const before = this.#last;
    const rejoined = !this.#isRepairing;
    if (this.#isRepairing) this.#repairedAt = before?.seq ?? -1;
    this.#isRepairing = false;
    this.#last = { seq: recovered && before !== null ? before.seq : seq, epoch };
    this.#replayEnd = recovered ? seq : 0;
    if (before === null || recovered) return { rejoined };
    const missedAny = before.epoch !== epoch || before.seq < seq;
    if (!missedAny || (seq === 0 && before.seq === 0)) return { rejoined };
    return { rejoined, lost: { after: before.seq, before: seq + 1 } };
  }

  /** Decides what to do with a message. A room that stores no messages numbers them all 0. */
  classify(seq: number, prev: number): MessageOrder {
    const last = this.#last;
    if (seq === 0 || last === null) return "next";
    if (seq <= last.seq) return "duplicate";
    // A `prev` below the last message is no gap: retention removed the message in between.
    if (prev <= last.seq) return "next";
    if (this.#isRepairing) return "replaying";
    if (this.#repairedAt === last.seq) return "unrecoverable";
    this.#isRepairing = true;
    return "gap";
  }

  /** A message is being delivered. */
  advance(seq: number): void {
    if (seq > 0 && this.#last !== null) this.#last.seq = seq;
  }

  /** Stops waiting for the rest of a replay. */
  abandonReplay(): void {
    this.#replayEnd = 0;
  }

  /** The connection ended: the next subscription is not a repair. */
  disconnected(): void {
    this.#isRepairing = false;
  }
}
