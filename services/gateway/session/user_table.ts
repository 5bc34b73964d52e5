/**
 * The users with a session on this gateway: what is said to a user on NATS reaches each of their
 * sessions, and a revoked user's are closed.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import * as z from "zod";
import { revokedSubject, subjectToken, UserEvent, userEventSubject } from "../../contract/mod.ts";
import { type Bus, subscribe } from "../../kit/mod.ts";
import { encodeFrame } from "../wire/frame.ts";
import type { Session } from "./session.ts";

interface Held {
  /** One or two: an array, since a set is 200 bytes. */
  sessions: Session[];
  events: Subscription;
}

/** See the module's doc. As large as there are connections, which are limited. */
export class UserTable {
  readonly #bus: Bus;
  readonly #revocations: Subscription;
  /** By the user's token of a subject. */
  readonly #users = new Map<string, Held>();

  /** `revoked` is told of each user whose tokens are void, by the user's token of a subject. */
  constructor(bus: Bus, revoked: (token: string) => void) {
    this.#bus = bus;
    // One subscription for all users: revocations are rare, and one a user costs each connection 3 KB.
    this.#revocations = subscribe(bus, `${REVOKED}*`, z.unknown(), (_, { subject }) => {
      const token = subject.slice(REVOKED.length);
      revoked(token);
      const sessions = this.#users.get(token)?.sessions ?? [];
      for (const session of [...sessions]) session.close("revoked");
    });
  }

  /** A session has become known as a user's. */
  add(session: Session): void {
    const { userId } = session.identity!;
    const token = subjectToken(userId);
    let held = this.#users.get(token);
    if (held === undefined) {
      const sessions: Session[] = [];
      const events = subscribe(
        this.#bus,
        userEventSubject(userId),
        UserEvent,
        ({ topic, data }) => {
          const frame = encodeFrame({ type: "event", topic, data });
          // Backwards: one whose socket overflows leaves at once.
          for (let i = sessions.length - 1; i >= 0; i--) sessions[i]!.sendFrame(frame);
        },
      );
      held = { sessions, events };
      this.#users.set(token, held);
    }
    held.sessions.push(session);
  }

  /** A user's session has ended. */
  remove(session: Session): void {
    const token = subjectToken(session.identity!.userId);
    const held = this.#users.get(token);
    const index = held?.sessions.indexOf(session) ?? -1;
    if (held === undefined || index < 0) return;
    held.sessions.splice(index, 1);
    if (held.sessions.length > 0) return;
    held.events.unsubscribe();
    this.#users.delete(token);
  }

  /** Stops listening. */
  close(): void {
    this.#revocations.unsubscribe();
  }
}

/** What subjects of revocations begin with. */
const REVOKED = revokedSubject("x").slice(0, -1);
