/**
 * Back-pressure on publishers: while most places for messages that wait to be stored are taken, whoever
 * publishes is not read from until enough are free again. A user may take a share of the places, and waits
 * alone once it is used up.
 *
 * @module
 */
import type { Account } from "../quotas/account.ts";
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
  readonly #share: number;
  /** In the order in which they were paused. */
  readonly #waiting = new Set<Session>();
  /** Sessions that wait for their own user's messages. */
  readonly #ofUsers = new Map<Account, Set<Session>>();

  /** `places` tells how many messages wait; `share` is how many of one user may. */
  constructor(places: Places, share: number) {
    this.#places = places;
    this.#share = share;
  }

  /** How many sessions wait. */
  get waiting(): number {
    let waiting = this.#waiting.size;
    for (const sessions of this.#ofUsers.values()) waiting += sessions.size;
    return waiting;
  }

  /** A session has published a message that counts in its account. */
  published(session: Session, account: Account): void {
    if (account.publishes >= this.#share) {
      const sessions = this.#ofUsers.get(account) ?? new Set();
      this.#ofUsers.set(account, sessions.add(session));
      session.reading.pause("share");
    }
    const { pending, capacity } = this.#places;
    if (pending <= capacity * PAUSE_ABOVE) return;
    this.#waiting.add(session);
    session.reading.pause("publishes");
  }

  /** A message of an account is stored, or has failed. */
  settled(account: Account): void {
    if (account.publishes <= this.#share * RESUME_BELOW) this.#resumeUser(account);
    const { pending, capacity } = this.#places;
    if (this.#waiting.size === 0 || pending >= capacity * RESUME_BELOW) return;
    let left = RESUME_BATCH;
    for (const session of this.#waiting) {
      if (left-- <= 0) return;
      this.#waiting.delete(session);
      session.reading.resume("publishes");
    }
  }

  #resumeUser(account: Account): void {
    const sessions = this.#ofUsers.get(account);
    if (sessions === undefined) return;
    this.#ofUsers.delete(account);
    for (const session of sessions) session.reading.resume("share");
  }
}
