/**
 * The users with a session on this gateway. An event for a user reaches each of the user's sessions. A
 * revocation closes them.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import {
  RevokedEvent,
  revokedSubject,
  subjectToken,
  UserEvent,
  userEventSubject,
} from "../../../contract/mod.ts";
import { type Bus, subscribe } from "../../../kit/mod.ts";
import { encodeFrame } from "../../wire/frame.ts";
import type { Session } from "../session.ts";

/** What subjects of revocations begin with. */
const REVOKED_PREFIX = revokedSubject("x").slice(0, -1);

interface UserEntry {
  /** Usually one or two. An array, because a set takes 200 bytes. */
  sessions: Session[];
  /** The user's events on NATS. */
  events: Subscription;
}

/** See the module's doc. It has at most one entry per connection, and connections are bounded. */
export class UserTable {
  readonly #bus: Bus;
  readonly #revocations: Subscription;
  /** By the user's id as encoded by `subjectToken`. */
  readonly #users = new Map<string, UserEntry>();

  /** Calls `onRevoked` for each revoked user, with the user's id as encoded by `subjectToken`. */
  constructor(bus: Bus, onRevoked: (user: string) => void) {
    this.#bus = bus;
    // One subscription for all users. Revocations are rare, and one subscription per user would cost
    // 3 KB per connection.
    this.#revocations = subscribe(bus, `${REVOKED_PREFIX}*`, RevokedEvent, (_, { subject }) => {
      const user = subject.slice(REVOKED_PREFIX.length);
      onRevoked(user);
      const sessions = this.#users.get(user)?.sessions ?? [];
      for (const session of [...sessions]) session.close("revoked");
    });
  }

  /** Adds a session that has just authenticated. */
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

  /** Stops listening for revocations. */
  close(): void {
    this.#revocations.unsubscribe();
  }
}
