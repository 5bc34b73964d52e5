/**
 * What one gateway states: which users it holds in which rooms. It counts the sessions of each user,
 * keeps a user for a grace period after a lost connection, and turns changes into numbered statements.
 * No I/O and no clock of its own.
 *
 * @module
 */
import {
  type PresenceChange,
  type PresenceFact,
  type PresenceStatePage,
  type PresenceStateRequest,
} from "../../contract/mod.ts";
import { Digest } from "./digest.ts";
import { StatePages } from "./state_pages.ts";
import { splitStatement } from "./statement.ts";

/** A user that this gateway holds in a room. */
interface LocalUser {
  fact: PresenceFact;
  sessions: number;
  /** When the grace period ends; 0 while a session is there. */
  lingersUntil: number;
}

/** A room in which this gateway holds, or has just held, users. */
interface LocalRoom {
  name: string;
  users: Map<string, LocalUser>;
  /** The number of the last statement about this room; 0 for none. */
  n: number;
  /** Users that have changed since then, each with whether that statement included them. */
  changed: Map<string, boolean> | null;
  /** Whether the last statement may not have been sent: then everything is stated again. */
  restate: boolean;
}

/** Told of each change of what this gateway holds, at once and before it is stated. */
export interface LocalFactsHost {
  /** The gateway holds this fact from now on; it replaces an earlier one of the same user. */
  held(room: string, fact: PresenceFact): void;
  /** The gateway no longer holds the user. */
  released(room: string, userId: string): void;
  /** There is something to state. Called once until {@link LocalFacts.statements}. */
  pending(): void;
  /** The highest version of a user's fact that anybody states in a room; 0 if none is known. */
  versionOf(room: string, userId: string): number;
}

/** See the module's doc. As large as this gateway has users in rooms. */
export class LocalFacts {
  readonly #gateway: string;
  readonly #host: LocalFactsHost;
  readonly #rooms = new Map<string, LocalRoom>();
  readonly #dirty = new Set<LocalRoom>();
  /** In the order in which their grace periods end: all are equally long. */
  readonly #lingering = new Set<{ room: LocalRoom; user: LocalUser; until: number }>();
  readonly #digest = new Digest();
  readonly #pages = new StatePages(this.#rooms);
  #n = 0;
  #announced = false;

  /** `gateway` is the id of the gateway that states the facts. */
  constructor(gateway: string, host: LocalFactsHost) {
    this.#gateway = gateway;
    this.#host = host;
  }

  /** How many facts there are, and their digest, unstated changes included. */
  get digest(): Digest {
    return this.#digest;
  }

  /** Whether anything is left to state. */
  get pending(): boolean {
    return this.#dirty.size > 0;
  }

  /** The facts of one room. */
  *factsOf(room: string): Iterable<PresenceFact> {
    for (const { fact } of this.#rooms.get(room)?.users.values() ?? []) yield fact;
  }

  /** One more session of a user is in a room. `presence` is the user's state, if the client gave it. */
  enter(room: string, userId: string, username: string, presence?: PresenceFact["presence"]): void {
    let local = this.#rooms.get(room);
    if (local === undefined) {
      local = { name: room, users: new Map(), n: 0, changed: null, restate: false };
      this.#rooms.set(room, local);
    }
    const user = local.users.get(userId);
    if (user === undefined) {
      const v = this.#host.versionOf(room, userId);
      // Elsewhere the user may have another state. Without one of its own this session changes nothing.
      const version = presence === undefined ? 0 : v + 1;
      const fact: PresenceFact = { userId, username, v: version };
      if (presence !== undefined) fact.presence = presence;
      this.#put(local, { fact, sessions: 1, lingersUntil: 0 });
      return;
    }
    user.sessions++;
    user.lingersUntil = 0;
    if (presence !== undefined || user.fact.username !== username) {
      this.#replace(local, user, username, presence ?? user.fact.presence);
    }
  }

  /** Changes the name or state of a user who is in a room. */
  update(
    room: string,
    userId: string,
    change: { username?: string; presence?: PresenceFact["presence"] | null },
  ): void {
    const local = this.#rooms.get(room);
    const user = local?.users.get(userId);
    if (local === undefined || user === undefined) return;
    const { username = user.fact.username } = change;
    const presence = change.presence === undefined ? user.fact.presence : change.presence;
    this.#replace(local, user, username, presence ?? undefined);
  }

  /**
   * One session of a user less. `until`: the connection was lost, and the user may come back up to
   * then without having left; undefined: the user leaves now, with the last session.
   */
  exit(room: string, userId: string, until?: number): void {
    const local = this.#rooms.get(room);
    const user = local?.users.get(userId);
    if (local === undefined || user === undefined || --user.sessions > 0) return;
    if (until === undefined) return this.#release(local, userId, user);
    user.lingersUntil = until;
    this.#lingering.add({ room: local, user, until });
  }

  /** Releases the users whose grace period is over. Returns when the next one ends, if any. */
  tick(now: number): number | undefined {
    for (const one of this.#lingering) {
      const { room, user, until } = one;
      if (until > now) return until;
      this.#lingering.delete(one);
      // A user that returned meanwhile, and perhaps left again, has another deadline.
      if (user.lingersUntil === until) this.#release(room, user.fact.userId, user);
    }
    return undefined;
  }

  /**
   * Takes the statements that are due, for at most `limit` rooms. A statement that could not be sent
   * is to be reported by {@link failed}.
   */
  *statements(limit = Infinity): Iterable<{ room: string; change: PresenceChange }> {
    for (const local of this.#dirty) {
      // `pending()` stays announced: the caller sees that something is left.
      if (limit-- <= 0) return;
      this.#dirty.delete(local);
      for (const change of this.#changesOf(local)) yield { room: local.name, change };
      if (local.users.size === 0 && local.changed === null) this.#rooms.delete(local.name);
    }
    this.#announced = false;
  }

  /** A statement about this room may not have been sent: everything about it is stated again. */
  failed(room: string): void {
    let local = this.#rooms.get(room);
    if (local === undefined) {
      local = { name: room, users: new Map(), n: this.#n, changed: null, restate: true };
      this.#rooms.set(room, local);
    }
    local.restate = true;
    this.#mark(local);
  }

  /** One page of what this gateway holds, for whoever has missed statements. */
  page(query: PresenceStateRequest): PresenceStatePage {
    if (query.buckets?.length === 0) {
      return { asOf: this.#n, rooms: [], digests: this.#digest.buckets };
    }
    return { asOf: this.#n, ...this.#pages.page(query) };
  }

  #put(local: LocalRoom, user: LocalUser): void {
    const { fact } = user;
    this.#note(local, fact.userId);
    local.users.set(fact.userId, user);
    this.#digest.add(local.name, fact);
    this.#host.held(local.name, fact);
  }

  #replace(
    local: LocalRoom,
    user: LocalUser,
    username: string,
    presence: PresenceFact["presence"],
  ): void {
    const { userId, v, username: name, presence: state } = user.fact;
    if (name === username && JSON.stringify(state) === JSON.stringify(presence)) return;
    this.#note(local, userId);
    this.#digest.remove(local.name, user.fact);
    const fact: PresenceFact = {
      userId,
      username,
      v: Math.max(v, this.#host.versionOf(local.name, userId)) + 1,
    };
    if (presence !== undefined) fact.presence = presence;
    user.fact = fact;
    this.#digest.add(local.name, fact);
    this.#host.held(local.name, fact);
  }

  #release(local: LocalRoom, userId: string, user: LocalUser): void {
    if (user.sessions > 0 || local.users.get(userId) !== user) return;
    this.#note(local, userId);
    local.users.delete(userId);
    this.#digest.remove(local.name, user.fact);
    this.#host.released(local.name, userId);
  }

  /** A user is about to change: remembers whether the last statement included the user. */
  #note(local: LocalRoom, userId: string): void {
    local.changed ??= new Map();
    if (!local.changed.has(userId)) local.changed.set(userId, local.users.has(userId));
    this.#mark(local);
  }

  #mark(local: LocalRoom): void {
    this.#dirty.add(local);
    if (this.#announced) return;
    this.#announced = true;
    this.#host.pending();
  }

  #changesOf(local: LocalRoom): PresenceChange[] {
    const gateway = this.#gateway;
    const { restate } = local;
    const came: PresenceFact[] = [];
    const went: string[] = [];
    if (restate) {
      for (const { fact } of local.users.values()) came.push(fact);
    } else {
      for (const [userId, stated] of local.changed ?? []) {
        const user = local.users.get(userId);
        if (user !== undefined) came.push(user.fact);
        else if (stated) went.push(userId);
      }
    }
    local.changed = null;
    local.restate = false;
    if (!restate && came.length === 0 && went.length === 0) return [];
    const prev = restate ? undefined : local.n;
    const changes = splitStatement({ gateway, prev, came, went }, () => ++this.#n);
    local.n = this.#n;
    return changes;
  }
}
