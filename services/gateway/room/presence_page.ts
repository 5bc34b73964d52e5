/**
 * A page of who is in a room, brought up to what members have been told since it was asked for: an
 * answer that is older than a join already told would take the join back. No I/O.
 *
 * @module
 */
import { type Member, subjectToken } from "../../contract/mod.ts";

/** What rooms answers; see the contract. */
export interface PresencePage {
  count: number;
  members: Member[];
  more: boolean;
  /** The state that it knows. */
  revision: number;
}

/** A join or leave that members were told of. */
export interface Change extends Member {
  revision: number;
  joined: boolean;
}

/** Changes kept a room. More than that while a request is under way, and it is asked again. */
const MAX_CHANGES = 256;

/** The last changes of a room, oldest first. */
export class RecentChanges {
  #changes: Change[] = [];
  #forgotten = 0;

  /** Keeps a change, and forgets the oldest when there are many. */
  add(change: Change): void {
    this.#changes.push(change);
    if (this.#changes.length > MAX_CHANGES) this.#forgotten = this.#changes.shift()!.revision;
  }

  /** What came after a revision; null where part of that is forgotten. */
  after(revision: number): Change[] | null {
    if (revision < this.#forgotten) return null;
    return this.#changes.filter((change) => change.revision > revision);
  }

  /** Forgets all: revisions begin anew, or some may have been missed. */
  clear(): void {
    this.#changes = [];
    this.#forgotten = 0;
  }
}

/**
 * The page with changes that came after it. `after` is the user after whom it begins; without `named`
 * (a room of counts) only the number changes.
 */
export function withChanges(
  page: PresencePage,
  changes: readonly Change[],
  { after, named }: { after?: string; named: boolean },
): Omit<PresencePage, "revision"> {
  let { count } = page;
  const { more } = page;
  const members = new Map(page.members.map((member) => [subjectToken(member.userId), member]));
  const first = after === undefined ? "" : subjectToken(after);
  const last = more ? [...members.keys()].at(-1) : undefined;
  for (const { userId, username, joined } of changes) {
    count += joined ? 1 : -1;
    const token = subjectToken(userId);
    if (!joined) members.delete(token);
    // One beyond the last of the page is on the next one.
    else if (named && token > first && (last === undefined ? !more : token <= last)) {
      members.set(token, { userId, username });
    }
  }
  const sorted = [...members].sort(([a], [b]) => a < b ? -1 : 1).map(([, member]) => member);
  return { count: Math.max(0, count), members: sorted, more };
}
