/**
 * Who is in which room, as the presence bucket's log has said so far: a view in memory that any
 * instance builds from the log alone. No I/O.
 *
 * @module
 */
import { type Member, subjectTokenText } from "../contract/mod.ts";

/** A gateway's key of a user in a room. */
export interface Held {
  revision: number;
  /** See the contract: what was overtaken has a lower one. */
  turn: number;
}

/** A user's state in one room. */
export interface Presence {
  userId: string;
  username: string;
  /** Whether the user was announced (and not yet let go): the user's own key is there. */
  announced: boolean;
  /** The last revision of the user's own key, its deletion included; 0 where there is none. */
  revision: number;
  /** The gateways that hold the user there, each with its key's revision and turn. */
  gateways: Map<string, Held>;
}

/** A change of the log: one key put or deleted. */
export interface KeyChange {
  key: string;
  deleted: boolean;
  revision: number;
  username: string;
  /** Of a gateway's key; else 0. */
  turn: number;
}

/** What a key says; see `presence.ts`. */
export type ParsedKey =
  | { kind: "member"; user: string; gateway: string; room: string }
  | { kind: "user"; user: string; room: string };

/** The key by which a gateway holds a user in a room. */
export function memberKey(user: string, gateway: string, room: string): string {
  return `m.${user}.${gateway}.${room}`;
}

/** Takes a key apart; null for one that is not ours. */
export function parseKey(key: string): ParsedKey | null {
  const parts = key.split(".");
  if (parts.length < 4) return null;
  const room = parts.slice(3).join(".");
  if (parts[0] === "m") return { kind: "member", user: parts[1]!, gateway: parts[2]!, room };
  // u.<bucket>.<user>.<room>: the bucket only makes the republished subject.
  if (parts[0] === "u") return { kind: "user", user: parts[2]!, room };
  return null;
}

/** The view. Its size is that of the bucket, which has a limit in bytes. */
export class Roster {
  /** The last revision seen. */
  revision = 0;
  readonly #rooms = new Map<string, Map<string, Presence>>();
  /** How many users of each room are announced, and their tokens in order once they were asked for. */
  readonly #counts = new Map<string, number>();
  readonly #sorted = new Map<string, string[]>();
  readonly #gateways = new Map<string, Map<string, { user: string; room: string }>>();
  /** Keys that are deleted, with the revision of the marker that says so. */
  readonly #markers = new Map<string, { revision: number; since: number }>();
  /** Users whose announcement and gateways disagree, since when (see {@link unsettled}). */
  readonly #unsettled = new Map<string, { user: string; room: string; since: number }>();

  /** Takes in one change; `now` is a monotonic time in milliseconds. */
  apply(change: KeyChange, now: number): void {
    this.revision = Math.max(this.revision, change.revision);
    const parsed = parseKey(change.key);
    if (parsed === null) return;
    this.#markers.delete(change.key);
    if (change.deleted) this.#markers.set(change.key, { revision: change.revision, since: now });
    const { user, room } = parsed;
    const presence = this.#presenceOf(room, user);
    if (presence === null) return;
    if (parsed.kind === "user") {
      if (change.revision < presence.revision) return;
      presence.revision = change.revision;
      if (presence.announced === change.deleted) {
        presence.announced = !change.deleted;
        this.#counts.set(room, (this.#counts.get(room) ?? 0) + (change.deleted ? -1 : 1));
        this.#sorted.delete(room);
      }
      if (!change.deleted) presence.username = change.username;
    } else if (change.deleted) {
      presence.gateways.delete(parsed.gateway);
      const held = this.#gateways.get(parsed.gateway);
      held?.delete(`${user} ${room}`);
      if (held?.size === 0) this.#gateways.delete(parsed.gateway);
    } else {
      const { revision, turn } = change;
      presence.gateways.set(parsed.gateway, { revision, turn });
      if (!presence.announced) presence.username = change.username;
      let held = this.#gateways.get(parsed.gateway);
      if (held === undefined) this.#gateways.set(parsed.gateway, held = new Map());
      held.set(`${user} ${room}`, { user, room });
    }
    this.#settle(room, user, presence, now);
  }

  /** A user's state in a room, if anything is known of it. */
  get(room: string, user: string): Presence | undefined {
    return this.#rooms.get(room)?.get(user);
  }

  /** How many members a room has. */
  count(room: string): number {
    return this.#counts.get(room) ?? 0;
  }

  /** One page of the members, in the order of their tokens, after the token `after`. */
  page(
    room: string,
    after: string | undefined,
    limit: number,
  ): { members: Member[]; more: boolean } {
    const users = this.#sortedOf(room);
    const start = after === undefined ? 0 : firstAfter(users, after);
    const members = users.slice(start, start + limit).map((user) => {
      const { userId, username } = this.#rooms.get(room)!.get(user)!;
      return { userId, username };
    });
    return { members, more: start + limit < users.length };
  }

  /** The gateways that hold anybody. */
  gateways(): Iterable<string> {
    return this.#gateways.keys();
  }

  /** Whom a gateway holds. */
  heldBy(gateway: string): { user: string; room: string }[] {
    return [...this.#gateways.get(gateway)?.values() ?? []];
  }

  /**
   * Users who are announced though no gateway holds them, or held though not announced, for longer
   * than `age`: whoever was to finish that has died, so anyone may.
   */
  unsettled(age: number, now: number): { user: string; room: string }[] {
    return [...this.#unsettled.values()].filter(({ since }) => now - since >= age);
  }

  /** Takes out at most `limit` deletion markers older than `age`: they may be purged. */
  takeMarkers(age: number, now: number, limit: number): { key: string; revision: number }[] {
    const taken: { key: string; revision: number }[] = [];
    // A marker that is renewed moves to the end, so the first are the oldest.
    for (const [key, { revision, since }] of this.#markers) {
      if (taken.length >= limit || now - since < age) break;
      taken.push({ key, revision });
      this.#markers.delete(key);
    }
    return taken;
  }

  #settle(room: string, user: string, presence: Presence, now: number): void {
    const key = `${user} ${room}`;
    if (presence.announced === presence.gateways.size > 0) {
      this.#unsettled.delete(key);
      if (!presence.announced) this.#forget(room, user);
    } else if (!this.#unsettled.has(key)) {
      this.#unsettled.set(key, { user, room, since: now });
    }
  }

  #forget(room: string, user: string): void {
    const users = this.#rooms.get(room)!;
    users.delete(user);
    if (users.size > 0) return;
    this.#rooms.delete(room);
    this.#counts.delete(room);
    this.#sorted.delete(room);
  }

  #presenceOf(room: string, user: string): Presence | null {
    let users = this.#rooms.get(room);
    if (users === undefined) this.#rooms.set(room, users = new Map());
    let presence = users.get(user);
    if (presence === undefined) {
      let userId: string;
      try {
        userId = subjectTokenText(user);
      } catch {
        if (users.size === 0) this.#rooms.delete(room);
        return null;
      }
      presence = { userId, username: "", announced: false, revision: 0, gateways: new Map() };
      users.set(user, presence);
    }
    return presence;
  }

  #sortedOf(room: string): string[] {
    let sorted = this.#sorted.get(room);
    if (sorted === undefined) {
      const users = this.#rooms.get(room);
      if (users === undefined) return [];
      sorted = [...users].filter(([, { announced }]) => announced).map(([user]) => user).sort();
      this.#sorted.set(room, sorted);
    }
    return sorted;
  }
}

/** The index of the first of sorted `users` that comes after `user`. */
function firstAfter(users: string[], user: string): number {
  let low = 0;
  let high = users.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (users[middle]! <= user) low = middle + 1;
    else high = middle;
  }
  return low;
}
