/**
 * Pages of what a gateway states, for listeners that have missed statements. No I/O.
 *
 * @module
 */
import {
  bucketOf,
  type PresenceFact,
  type PresenceStatePage,
  type PresenceStateRequest,
  type RoomFacts,
} from "../../contract/mod.ts";
import { FACT_OVERHEAD, sizeOfFact } from "./statement.ts";

/** Bytes of facts in one page, about. NATS takes messages of 1 MiB. */
const MAX_PAGE_BYTES = 384 * 1024;

/** Lists of names that are kept at a time: as many listeners may page side by side. */
const MAX_LISTS = 8;

/** A room as it is paged. */
export interface PagedRoom {
  /** The number of the last statement about the room. */
  readonly n: number;
  /** The users by id. */
  readonly users: ReadonlyMap<string, { readonly fact: PresenceFact }>;
  /** Users that have changed since that statement, each with whether a listener may know the user. */
  readonly changed: Map<string, boolean> | null;
}

/** See the module's doc. */
export class StatePages {
  readonly #rooms: ReadonlyMap<string, PagedRoom>;
  /** Sorted names that listeners are paging through; each list ends with its last page. */
  readonly #names = new Map<string, readonly string[]>();

  /** Pages what `rooms` holds at each call. */
  constructor(rooms: ReadonlyMap<string, PagedRoom>) {
    this.#rooms = rooms;
  }

  /** Returns one page. What changes between two pages has been stated by then. */
  page({ room, buckets, after }: PresenceStateRequest): Pick<PresenceStatePage, "rooms" | "next"> {
    const key = buckets?.join() ?? "all";
    const names = room !== undefined ? [room] : this.#namesIn(key, buckets, after === undefined);
    const rooms: RoomFacts[] = [];
    let bytes = 0;
    for (let i = after === undefined ? 0 : firstFrom(names, after.room); i < names.length; i++) {
      const name = names[i]!;
      const local = this.#rooms.get(name);
      if (local === undefined) continue;
      const users: PresenceFact[] = [];
      rooms.push({ room: name, n: local.n, users });
      for (const userId of [...local.users.keys()].sort()) {
        if (after?.room === name && userId <= after.userId) continue;
        const { fact } = local.users.get(userId)!;
        users.push(fact);
        // The listener knows the user from now on, so a leave must be stated even within this batch.
        if (local.changed?.get(userId) === false) local.changed.set(userId, true);
        bytes += sizeOfFact(fact);
        if (bytes > MAX_PAGE_BYTES) return { rooms, next: { room: name, userId } };
      }
      bytes += FACT_OVERHEAD;
    }
    this.#names.delete(key);
    return { rooms };
  }

  /**
   * The sorted names of the rooms in some buckets, or of all. The pages after the first one use the same
   * list: rooms that appear later are stated by then.
   */
  #namesIn(
    key: string,
    buckets: readonly number[] | undefined,
    first: boolean,
  ): readonly string[] {
    const known = this.#names.get(key);
    if (known !== undefined && !first) return known;
    const wanted = buckets === undefined ? null : new Set(buckets);
    const names = [...this.#rooms.keys()]
      .filter((name) => wanted === null || wanted.has(bucketOf(name))).sort();
    if (this.#names.size >= MAX_LISTS) this.#names.clear();
    this.#names.set(key, names);
    return names;
  }
}

/** The index of the first name in a sorted list that is not before `name`. */
function firstFrom(names: readonly string[], name: string): number {
  let low = 0;
  let high = names.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (names[middle]! < name) low = middle + 1;
    else high = middle;
  }
  return low;
}
