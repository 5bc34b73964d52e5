/**
 * Back-pressure on one client: while there is a reason not to read from it, the operating system's buffers
 * fill and the client itself has to wait. That costs nothing, where refusing a frame costs as much as
 * serving one.
 *
 * @module
 */

/** Why a client is not read from. */
const REASONS = {
  /** Frames wait for a room that is being joined. */
  frames: 1,
  /** Many joins are under way. */
  joins: 2,
  /** Too many messages of this gateway wait to be stored. */
  publishes: 4,
  /** The gateway drains. */
  drain: 8,
  /** A token is being verified. */
  token: 16,
  /** Too many messages of this user wait to be stored. */
  share: 32,
  /** The client sends more than it may. */
  rate: 64,
} as const;

/** The name of a reason. */
export type PauseReason = keyof typeof REASONS;

/** Reasons for which frames that were read already wait, too. */
const HOLDING = REASONS.joins | REASONS.publishes | REASONS.token | REASONS.share;

/** See the module's doc. A session has one of these. */
export class ReadPauses {
  #reasons = 0;

  /** Whether the client is not to be read from. */
  get active(): boolean {
    return this.#reasons !== 0;
  }

  /** Whether frames that were read already have to wait. */
  get holding(): boolean {
    return (this.#reasons & HOLDING) !== 0;
  }

  /** Adds a reason. Returns whether it is the first. */
  add(reason: PauseReason): boolean {
    const first = this.#reasons === 0;
    this.#reasons |= REASONS[reason];
    return first;
  }

  /** Takes a reason away. Returns whether it was there. */
  remove(reason: PauseReason): boolean {
    const left = this.#reasons & ~REASONS[reason];
    if (left === this.#reasons) return false;
    this.#reasons = left;
    return true;
  }
}
