/**
 * What webhooks have told so far: who is in which room, which rooms are occupied, who is connected. It is the
 * sum of the events in the stream HOOKS. In 256 parts, so that a change costs a small write. No I/O.
 *
 * @module
 */
import { connectedRoom, type WebhookEvent } from "../../contract/mod.ts";

/** The number of parts. With five million entries of 50 bytes each takes 1 MB, the most that NATS takes. */
export const PARTS = 256;

/** A user in a room; of an occupied room itself, the room alone. The name is left out if it is the id. */
export type Entry = [room: string] | [room: string, userId: string, username?: string];

/** What one event changes. */
interface Change {
  key: string;
  entry: Entry;
  added: boolean;
}

const keyOf = (room: string, userId?: string) => userId === undefined ? room : `${room} ${userId}`;

/** What an event tells; undefined if it is none of presence. */
function changeOf(event: WebhookEvent): Change | undefined {
  const { type } = event;
  switch (type) {
    case "room.occupied":
    case "room.vacated": {
      const { room } = event.data;
      return { key: keyOf(room), entry: [room], added: type === "room.occupied" };
    }
    case "room.joined":
    case "room.left": {
      const { room, userId, username } = event.data;
      const entry = entryOf(room, userId, username);
      return { key: keyOf(room, userId), entry, added: type === "room.joined" };
    }
    case "user.connected":
    case "user.disconnected": {
      const { userId, username } = event.data;
      const room = connectedRoom(userId);
      const entry = entryOf(room, userId, username);
      return { key: keyOf(room, userId), entry, added: type === "user.connected" };
    }
    default:
      return undefined;
  }
}

function entryOf(room: string, userId: string, username: string): Entry {
  return username === userId ? [room, userId] : [room, userId, username];
}

/** The part of a key: FNV-1a (32 bit), modulo {@link PARTS}. It must never change. */
function partOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < key.length; i++) hash = Math.imul(hash ^ key.charCodeAt(i), 0x01000193);
  return (hash >>> 0) % PARTS;
}

interface Part {
  entries: Map<string, Entry>;
  /** The seq in HOOKS up to which it includes every event. */
  asOf: number;
  /** The lowest seq that an event may have that the written part lacks; Infinity if it lacks none. */
  unwritten: number;
  /** Events that are on their way to the stream. */
  pending: number;
}

/** See the module's doc. As large as there are users in rooms. */
export class Told {
  readonly #parts: Part[] = Array.from({ length: PARTS }, () => ({
    entries: new Map(),
    asOf: 0,
    unwritten: Infinity,
    pending: 0,
  }));
  /** How many users were told to be in each room. */
  readonly #counts = new Map<string, number>();
  /** The highest seq of an event that was stored. */
  #seq = 0;

  /** Takes a part that was written earlier. */
  load(part: number, { asOf, entries }: { asOf: number; entries: readonly Entry[] }): void {
    const one = this.#parts[part]!;
    one.asOf = asOf;
    for (const entry of entries) this.#put(one, keyOf(entry[0], entry[1]), entry);
  }

  /** An event of the stream, at the start: parts that include it leave it out. */
  replay(event: WebhookEvent, seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
    const change = changeOf(event);
    if (change === undefined) return;
    const part = this.#parts[partOf(change.key)]!;
    if (seq <= part.asOf) return;
    this.#apply(part, change);
    part.asOf = seq;
    part.unwritten = Math.min(part.unwritten, seq);
  }

  /** The stream ends here. */
  reached(seq: number): void {
    this.#seq = Math.max(this.#seq, seq);
  }

  /** An event is being told: from now on it counts. Call the result with its seq when it is stored. */
  tell(event: WebhookEvent): (seq: number) => void {
    const change = changeOf(event)!;
    const part = this.#parts[partOf(change.key)]!;
    this.#apply(part, change);
    part.pending++;
    // Its seq will be higher than any known.
    part.unwritten = Math.min(part.unwritten, this.#seq + 1);
    return (seq) => {
      part.pending--;
      part.asOf = Math.max(part.asOf, seq);
      this.#seq = Math.max(this.#seq, seq);
    };
  }

  /** Whether a user was told to be in a room. */
  has(room: string, userId: string): boolean {
    const key = keyOf(room, userId);
    return this.#parts[partOf(key)]!.entries.has(key);
  }

  /** Whether a room was told to be occupied. */
  isOccupied(room: string): boolean {
    return this.#parts[partOf(room)]!.entries.has(room);
  }

  /** How many users were told to be in a room. */
  count(room: string): number {
    return this.#counts.get(room) ?? 0;
  }

  /** Everything that was told. */
  *entries(): Iterable<Entry> {
    for (const { entries } of this.#parts) yield* entries.values();
  }

  /** The seq up to which the written parts include every event. */
  get floor(): number {
    let floor = this.#seq;
    for (const { unwritten } of this.#parts) floor = Math.min(floor, unwritten - 1);
    return floor;
  }

  /** Up to `max` parts that are to be written, those first that have waited for longest. */
  due(max: number): number[] {
    const due: number[] = [];
    this.#parts.forEach(({ unwritten, pending }, i) => {
      if (unwritten < Infinity && pending === 0) due.push(i);
    });
    due.sort((a, b) => this.#parts[a]!.unwritten - this.#parts[b]!.unwritten);
    return due.slice(0, max);
  }

  /**
   * A part as it is written. Call `written` when it is stored. Undefined while an event of it is on its way:
   * killed now, nobody would tell that event.
   */
  write(number: number): { asOf: number; entries: Entry[]; written: () => void } | undefined {
    const part = this.#parts[number]!;
    if (part.pending > 0) return undefined;
    const { asOf } = part;
    return {
      asOf,
      entries: [...part.entries.values()],
      written: () => {
        // What was told meanwhile has a higher seq.
        part.unwritten = part.asOf > asOf || part.pending > 0 ? asOf + 1 : Infinity;
      },
    };
  }

  #apply(part: Part, { key, entry, added }: Change): void {
    if (added) this.#put(part, key, entry);
    else if (part.entries.delete(key) && entry.length > 1) this.#add(entry[0], -1);
  }

  #put(part: Part, key: string, entry: Entry): void {
    if (!part.entries.has(key) && entry.length > 1) this.#add(entry[0], 1);
    part.entries.set(key, entry);
  }

  #add(room: string, change: number): void {
    const count = this.count(room) + change;
    if (count > 0) this.#counts.set(room, count);
    else this.#counts.delete(room);
  }
}
