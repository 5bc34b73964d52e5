/**
 * Splits what a gateway has to state about a room into messages of a bounded size. No I/O.
 *
 * @module
 */
import type { PresenceChange, PresenceFact } from "../../contract/mod.ts";

/** Bytes of facts in one statement, about. NATS takes messages of 1 MiB. */
const MAX_STATEMENT_BYTES = 128 * 1024;

/** Ids in one statement: at 128 characters each they take as much again. */
const MAX_WENT = 900;

/** What a fact takes beside its texts, bytes of JSON. */
export const FACT_OVERHEAD = 64;

/** About how many bytes of JSON a fact takes. */
export function sizeOfFact({ userId, username, presence }: PresenceFact): number {
  const state = presence === undefined ? 0 : JSON.stringify(presence).length;
  return FACT_OVERHEAD + (userId.length + username.length + state) * 2;
}

/** What a gateway has to state about a room. Without `prev`: `came` is everything it holds there. */
export interface Statement {
  /** Who states it. */
  gateway: string;
  /** The number of the statement before, about the same room. */
  prev: number | undefined;
  /** Users that came or changed. */
  came: readonly PresenceFact[];
  /** Ids of users that left. */
  went: readonly string[];
}

/**
 * Makes the messages of a statement, at least one. `next` returns the number of the next message. A
 * complete statement that does not fit into one message becomes one that forces listeners to request
 * the state: replaced part by part, users would seem to leave and join.
 */
export function splitStatement(statement: Statement, next: () => number): PresenceChange[] {
  const { gateway, came, went } = statement;
  const changes: PresenceChange[] = [];
  let { prev } = statement;
  const add = (facts: PresenceFact[], left: readonly string[]) => {
    const n = next();
    const change: PresenceChange = { gateway, n };
    if (prev !== undefined) change.prev = prev;
    if (facts.length > 0) change.came = facts;
    if (left.length > 0) change.went = [...left];
    changes.push(change);
    prev = n;
  };
  let part: PresenceFact[] = [];
  let bytes = 0;
  for (const fact of came) {
    bytes += sizeOfFact(fact);
    if (part.length > 0 && bytes > MAX_STATEMENT_BYTES) {
      if (statement.prev === undefined) {
        const n = next();
        // Nobody can have a statement with this number, so this is a gap to everybody.
        return [{ gateway, n, prev: n }];
      }
      add(part, []);
      part = [];
      bytes = sizeOfFact(fact);
    }
    part.push(fact);
  }
  for (let i = 0; i < went.length; i += MAX_WENT) {
    add(part, went.slice(i, i + MAX_WENT));
    part = [];
  }
  if (part.length > 0 || changes.length === 0) add(part, []);
  return changes;
}
