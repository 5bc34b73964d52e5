/**
 * Who is in one room: the facts of each gateway, and the union of them. A user is present while any
 * gateway holds the user. No I/O.
 *
 * @module
 */
import type { PresenceChange, PresenceFact, RoomFacts } from "../../contract/mod.ts";

/** How the union changed. */
export type RosterEvent = "joined" | "left" | "updated";

/** Receives each change of a roster's union, once, in order. */
export type RosterListener = (event: RosterEvent, fact: PresenceFact) => void;

/** Receives each fact that a gateway's part of a roster gains or loses; for digests. */
export type FactListener = (
  room: string,
  gateway: string,
  fact: PresenceFact,
  added: boolean,
) => void;

/** What one gateway states about the room. */
interface Part {
  /** The gateway's last statement that is included. */
  n: number;
  users: Map<string, PresenceFact>;
}

/** A present user. */
interface Present {
  /** The fact that counts: of the highest version, then of the highest gateway id. */
  fact: PresenceFact;
  /** How many gateways hold the user. */
  holders: number;
}

/** Pages keep a sorted list of ids; it is dropped after so many changes without another page. */
const DROP_SORTED_AFTER = 1_000;

/** See the module's doc. Its size is the number of facts. */
export class Roster {
  readonly #onChange: RosterListener | undefined;
  readonly #onFact: FactListener | undefined;
  readonly #room: string;
  readonly #parts = new Map<string, Part>();
  readonly #present = new Map<string, Present>();
  #sorted: string[] | null = null;
  #changesSinceSorted = 0;

  /** Both listeners are optional; the second receives `room` with each fact. */
  constructor(onChange?: RosterListener, onFact?: FactListener, room = "") {
    this.#onChange = onChange;
    this.#onFact = onFact;
    this.#room = room;
  }

  /** How many users are present. */
  get count(): number {
    return this.#present.size;
  }

  /** Whether no gateway states anything about the room. */
  get empty(): boolean {
    return this.#parts.size === 0;
  }

  /** The gateways with facts here, each with the number of its last statement that is included. */
  *numbers(): Iterable<[gateway: string, n: number]> {
    for (const [gateway, { n }] of this.#parts) yield [gateway, n];
  }

  /** The number of a gateway's last statement that is included; 0 if it has no facts here. */
  numberOf(gateway: string): number {
    return this.#parts.get(gateway)?.n ?? 0;
  }

  /** How many users a gateway holds here. */
  sizeOf(gateway: string): number {
    return this.#parts.get(gateway)?.users.size ?? 0;
  }

  /** The facts of one gateway. */
  factsOf(gateway: string): Iterable<PresenceFact> {
    return this.#parts.get(gateway)?.users.values() ?? [];
  }

  /** The fact that counts for a user; undefined if the user is not present. */
  get(userId: string): PresenceFact | undefined {
    return this.#present.get(userId)?.fact;
  }

  /** Adds or replaces one fact of a gateway. */
  set(gateway: string, fact: PresenceFact): void {
    const part = this.#partOf(gateway);
    const before = part.users.get(fact.userId);
    if (before !== undefined && sameFact(before, fact)) return;
    part.users.set(fact.userId, fact);
    if (before !== undefined) this.#onFact?.(this.#room, gateway, before, false);
    this.#onFact?.(this.#room, gateway, fact, true);
    const present = this.#present.get(fact.userId);
    if (present === undefined) {
      this.#present.set(fact.userId, { fact, holders: 1 });
      this.#resort(fact.userId, true);
      this.#onChange?.("joined", fact);
      return;
    }
    if (before === undefined) present.holders++;
    this.#choose(present);
  }

  /** Takes one fact of a gateway out. */
  unset(gateway: string, userId: string): void {
    const part = this.#parts.get(gateway);
    const fact = part?.users.get(userId);
    if (part === undefined || fact === undefined) return;
    part.users.delete(userId);
    if (part.users.size === 0) this.#parts.delete(gateway);
    this.#onFact?.(this.#room, gateway, fact, false);
    const present = this.#present.get(userId)!;
    if (--present.holders > 0) return this.#choose(present);
    this.#present.delete(userId);
    this.#resort(userId, false);
    this.#onChange?.("left", present.fact);
  }

  /**
   * Applies a statement of a gateway.
   *
   * @returns `gap` if a statement before it is missing: then nothing has changed
   */
  apply(change: PresenceChange): "applied" | "known" | "gap" {
    const { gateway, n, prev, came = [], went = [] } = change;
    const known = this.numberOf(gateway);
    if (n <= known) return "known";
    if (prev === undefined) {
      this.load(gateway, { n, users: came });
      return "applied";
    }
    if (prev !== known) return "gap";
    for (const fact of came) this.set(gateway, fact);
    for (const userId of went) this.unset(gateway, userId);
    const part = this.#parts.get(gateway);
    if (part !== undefined) part.n = n;
    return "applied";
  }

  /** Replaces everything that a gateway states here. Users in both are neither left nor joined. */
  load(gateway: string, { n, users }: Pick<RoomFacts, "n" | "users">): void {
    const gone = new Set(this.#parts.get(gateway)?.users.keys());
    for (const fact of users) {
      this.set(gateway, fact);
      gone.delete(fact.userId);
    }
    for (const userId of gone) this.unset(gateway, userId);
    const part = this.#parts.get(gateway);
    if (part !== undefined) part.n = n;
  }

  /** Drops everything that a gateway states here. */
  drop(gateway: string): void {
    for (const userId of [...this.#parts.get(gateway)?.users.keys() ?? []]) {
      this.unset(gateway, userId);
    }
    this.#parts.delete(gateway);
  }

  /** One page of the present users in the order of their ids, after `after`. */
  page(after: string | undefined, limit: number): { members: PresenceFact[]; more: boolean } {
    this.#changesSinceSorted = 0;
    const sorted = this.#sorted ??= [...this.#present.keys()].sort();
    const start = after === undefined ? 0 : firstAfter(sorted, after);
    const members = sorted.slice(start, start + limit).map((id) => this.#present.get(id)!.fact);
    return { members, more: start + limit < sorted.length };
  }

  #partOf(gateway: string): Part {
    let part = this.#parts.get(gateway);
    if (part === undefined) this.#parts.set(gateway, part = { n: 0, users: new Map() });
    return part;
  }

  /** Finds which gateway's fact counts for a user, and tells if it is another than before. */
  #choose(present: Present): void {
    const { userId } = present.fact;
    let best: PresenceFact | undefined;
    let from = "";
    for (const [gateway, { users }] of this.#parts) {
      const fact = users.get(userId);
      if (fact === undefined) continue;
      if (best === undefined || fact.v > best.v || (fact.v === best.v && gateway > from)) {
        best = fact;
        from = gateway;
      }
    }
    const before = present.fact;
    present.fact = best!;
    if (!sameContent(before, best!)) this.#onChange?.("updated", best!);
  }

  /** Keeps the sorted list up to date, or drops it if nobody reads pages any more. */
  #resort(userId: string, added: boolean): void {
    const sorted = this.#sorted;
    if (sorted === null) return;
    if (++this.#changesSinceSorted > DROP_SORTED_AFTER) {
      this.#sorted = null;
      return;
    }
    const at = firstAfter(sorted, userId);
    if (added) sorted.splice(at, 0, userId);
    else sorted.splice(at - 1, 1);
  }
}

function sameFact(a: PresenceFact, b: PresenceFact): boolean {
  return a.v === b.v && sameContent(a, b);
}

/** Whether members see the same in two facts of one user. */
function sameContent(a: PresenceFact, b: PresenceFact): boolean {
  return a.username === b.username &&
    (a.presence === b.presence || JSON.stringify(a.presence) === JSON.stringify(b.presence));
}

/** The index of the first id in a sorted list that comes after `id`. */
function firstAfter(sorted: readonly string[], id: string): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (sorted[middle]! <= id) low = middle + 1;
    else high = middle;
  }
  return low;
}
