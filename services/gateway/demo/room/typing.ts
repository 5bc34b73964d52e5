/**
 * Who is typing in a room. Reports are signals, which the server does not store.
 *
 * @module
 */
import type { Room } from "../../../../client/mod.ts";

/** How often the page reports typing, and how long a report is valid, milliseconds. */
const [EVERY_MS, FOR_MS] = [2_000, 4_000];

/** Most users that are remembered as typing. */
const MAX_TYPING = 50;

/** The users who are typing in one room. */
export class Typing {
  readonly #room: Room;
  readonly #users = new Map<string, { name: string; until: number }>();
  #reported = 0;

  /** Calls `changed` whenever the answer of {@link words} may have changed. */
  constructor(room: Room, ownId: () => string | undefined, changed: () => void) {
    this.#room = room;
    room.on("signal", ({ userId, username, content }) => {
      if (userId === ownId()) return;
      const typing = (content as { typing?: unknown } | null)?.typing === true;
      if (typing && this.#users.size < MAX_TYPING) {
        this.#users.set(userId, { name: username || userId, until: Date.now() + FOR_MS });
        setTimeout(changed, FOR_MS + 50);
      } else this.#users.delete(userId);
      changed();
    });
  }

  /** Who is typing, in words; empty if nobody is. */
  get words(): string {
    const now = Date.now();
    for (const [userId, { until }] of this.#users) if (until < now) this.#users.delete(userId);
    const names = [...this.#users.values()].map(({ name }) => name);
    if (names.length === 0) return "";
    if (names.length > 3) return "several are typing ...";
    return `${names.join(", ")} ${names.length === 1 ? "is" : "are"} typing ...`;
  }

  /** A user has sent what was typed, or has left. */
  stopped(userId: string): void {
    this.#users.delete(userId);
  }

  /** This user has sent what was typed. */
  sent(): void {
    this.#reported = 0;
  }

  /** Reports to the others whether this user types, at a limited rate. */
  report(typing: boolean): void {
    const now = Date.now();
    if (typing && now - this.#reported < EVERY_MS) return;
    if (!typing && this.#reported === 0) return;
    this.#reported = typing ? now : 0;
    this.#room.signal({ typing });
  }
}
