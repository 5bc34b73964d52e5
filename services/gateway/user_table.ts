/**
 * The users with a session on this gateway: what is said to a user on NATS reaches each of their
 * sessions, and a revoked user's are closed.
 *
 * @module
 */
import type { Subscription } from "@nats-io/transport-node";
import * as z from "zod";
import { revokedSubject, UserEvent, userEventSubject } from "../contract/mod.ts";
import { type Bus, subscribe } from "../kit/mod.ts";
import { encodeFrame } from "./frame.ts";
import type { Session } from "./session.ts";

interface Held {
  sessions: Set<Session>;
  subscriptions: Subscription[];
}

/** See the module's doc. As large as there are connections, which are limited. */
export class UserTable {
  readonly #bus: Bus;
  readonly #users = new Map<string, Held>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** A session has become known as a user's. */
  add(session: Session): void {
    const { userId } = session.identity!;
    let held = this.#users.get(userId);
    if (held === undefined) {
      const sessions = new Set<Session>();
      const deliver = ({ topic, data }: UserEvent) => {
        const frame = encodeFrame({ type: "event", topic, data });
        for (const session of sessions) session.sendFrame(frame);
      };
      const revoke = () => {
        for (const one of [...sessions]) one.close("revoked");
      };
      const subscriptions = [
        subscribe(this.#bus, userEventSubject(userId), UserEvent, deliver),
        subscribe(this.#bus, revokedSubject(userId), z.unknown(), revoke),
      ];
      held = { sessions, subscriptions };
      this.#users.set(userId, held);
    }
    held.sessions.add(session);
  }

  /** A user's session has ended. */
  remove(session: Session): void {
    const { userId } = session.identity!;
    const held = this.#users.get(userId);
    if (held === undefined || !held.sessions.delete(session) || held.sessions.size > 0) return;
    for (const subscription of held.subscriptions) subscription.unsubscribe();
    this.#users.delete(userId);
  }
}
