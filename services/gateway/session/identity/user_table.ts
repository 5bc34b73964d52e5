/**
 * The users with a session on this gateway. An event for a user reaches each of the user's sessions. A
 * revocation closes them.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import { type Identity, subjectToken, UserEvent, userEventSubject } from "../../../contract/mod.ts";
import { type Bus, subscribe } from "../../../kit/mod.ts";
import { encodeFrame } from "../../wire/frame.ts";
import type { Session } from "../session.ts";

interface UserEntry {
  /** Usually one or two. An array, because a set takes 200 bytes. */
  sessions: Session[];
  /** The user's events on NATS. */
  events: Subscription;
}

/** See the module's doc. It has at most one entry per connection, and connections are bounded. */
export class UserTable {
  readonly #bus: Bus;
  readonly #isRevoked: (identity: Identity) => boolean;
  /** By the user's id as encoded by `subjectToken`. */
  readonly #users = new Map<string, UserEntry>();

  /** `isRevoked` tells whether the token of an identity is revoked. */
  constructor(bus: Bus, isRevoked: (identity: Identity) => boolean) {
    this.#bus = bus;
    this.#isRevoked = isRevoked;
  }

  /** How many users have a session. */
  get size(): number {
    return this.#users.size;
  }

  /** The sessions of a user. */
  sessionsOf(userId: string): readonly Session[] {
    return [...this.#users.get(subjectToken(userId))?.sessions ?? []];
  }

  /** Closes the sessions whose token is revoked. */
  closeRevoked(): void {
    const revoked = [...this.#users.values()].flatMap(({ sessions }) =>
      sessions.filter(({ identity }) => this.#isRevoked(identity!))
    );
    for (const session of revoked) session.close("revoked");
  }

  /** Adds a session that has just authenticated, unless its token was revoked meanwhile. */
  add(session: Session): void {
    const { userId } = session.identity!;
    const user = subjectToken(userId);
    let entry = this.#users.get(user);
    if (entry === undefined) {
      const sessions: Session[] = [];
      const events = subscribe(
        this.#bus,
        userEventSubject(userId),
        UserEvent,
        ({ topic, data }) => {
          const frame = encodeFrame({ type: "event", topic, data });
          // Backwards: a session whose reader overflows leaves the array at once.
          for (let i = sessions.length - 1; i >= 0; i--) sessions[i]!.sendFrame(frame);
        },
      );
      entry = { sessions, events };
      this.#users.set(user, entry);
    }
    entry.sessions.push(session);
    if (this.#isRevoked(session.identity!)) session.close("revoked");
  }

  /** Removes a session that has ended. */
  remove(session: Session): void {
    const user = subjectToken(session.identity!.userId);
    const entry = this.#users.get(user);
    const index = entry?.sessions.indexOf(session) ?? -1;
    if (entry === undefined || index < 0) return;
    entry.sessions.splice(index, 1);
    if (entry.sessions.length > 0) return;
    entry.events.unsubscribe();
    this.#users.delete(user);
  }
}
