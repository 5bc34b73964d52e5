/**
 * Back-pressure on publishers: while most places for messages that wait to be stored are taken, whoever
 * publishes is not read from until enough are free again.
 *
 * @module
 */
import type { Session } from "../session.ts";

/** The shares of all places above which publishers wait, and below which they go on. */
const PAUSE_ABOVE = 0.75;
const RESUME_BELOW = 0.5;

/** How many sessions go on at a time: all at once would fill the places again. */
const RESUME_BATCH = 64;

/** The places that are taken. */
export interface Places {
  /** How many messages wait to be stored, and how many may. */
  readonly pending: number;
  readonly capacity: number;
}

/** See the module's doc. One per gateway. */
export class PublishPressure {
  readonly #places: Places;
  /** In the order in which they were paused. */
  readonly #waiting = new Set<Session>();

  /** `places` tells how many messages wait. */
  constructor(places: Places) {
    this.#places = places;
  }

  /** How many sessions wait. */
  get waiting(): number {
    return this.#waiting.size;
  }

  /** A session has published. */
  published(session: Session): void {
    const { pending, capacity } = this.#places;
    if (pending <= capacity * PAUSE_ABOVE) return;
    this.#waiting.add(session);
    session.reading.pause("publishes");
  }

  /** A message is stored, or has failed. */
  settled(): void {
    const { pending, capacity } = this.#places;
    if (this.#waiting.size === 0 || pending >= capacity * RESUME_BELOW) return;
    let left = RESUME_BATCH;
    for (const session of this.#waiting) {
      if (left-- <= 0) return;
      this.#waiting.delete(session);
      session.reading.resume("publishes");
    }
  }
}
