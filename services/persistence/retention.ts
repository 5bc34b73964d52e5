/**
 * Retention: takes messages out of the archive by rules, a rule a pattern of rooms.
 *
 * @module
 */
import { matchesRoom } from "../contract/mod.ts";
import type { Archive, RoomKey, TrimTarget } from "./archive.ts";

/** How long and how much the rooms of a pattern are kept. Without either, for ever. */
export interface RetentionRule {
  pattern: string;
  /** Seconds. */
  maxAge?: number;
  /** Messages of each room. */
  maxMessages?: number;
}

/** Rooms looked at in one transaction. With SQLite nothing else runs meanwhile: about 5 ms. */
const ROOMS_AT_A_TIME = 100;

/** A page of which only the trim mark is wanted. */
const MARK_ONLY = { limit: 1, maxBytes: 1, ceiling: 0 };

/**
 * Takes what the rules say is to go: for each room the first rule whose pattern names it. A room that
 * no rule names keeps everything. Goes room by room, a bounded number of rows at a time, so that
 * appends and reads come between.
 *
 * @param now milliseconds since 1970
 * @param stopped asked between the steps; true ends it early
 * @param taken told of each room that lost messages, and up to which seq: the log may drop them too
 * @returns how many messages went
 */
export async function applyRetention(
  archive: Archive,
  rules: readonly RetentionRule[],
  now: number,
  stopped: () => boolean = () => false,
  taken: (key: RoomKey, upTo: number) => Promise<void> = () => Promise.resolve(),
): Promise<number> {
  if (rules.length === 0) return 0;
  let removed = 0;
  let after: RoomKey | null = null;
  while (!stopped()) {
    const keys: RoomKey[] = await archive.rooms(after, ROOMS_AT_A_TIME);
    if (keys.length === 0) break;
    after = keys.at(-1)!;
    const targets = keys.map((key) => targetOf(key, rules, now)).filter((target) =>
      target !== null
    );
    const before = removed;
    let more = targets.length > 0;
    while (more && !stopped()) {
      const result = await archive.trim(targets);
      removed += result.removed;
      more = result.more;
      // SQLite answers at once; without a turn of the event loop nobody else would run.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (removed === before) continue;
    for (const { epoch, room } of targets) {
      const { trimmedTo } = await archive.page({ epoch, room, ...MARK_ONLY });
      await taken({ epoch, room }, trimmedTo);
    }
  }
  return removed;
}

function targetOf(
  key: RoomKey,
  rules: readonly RetentionRule[],
  now: number,
): TrimTarget | null {
  const rule = rules.find(({ pattern }) => matchesRoom(pattern, key.room));
  if (rule === undefined || (rule.maxAge === undefined && rule.maxMessages === undefined)) {
    return null;
  }
  return {
    ...key,
    ...(rule.maxAge === undefined ? {} : { storedBefore: now - rule.maxAge * 1_000 }),
    ...(rule.maxMessages === undefined ? {} : { keep: rule.maxMessages }),
  };
}
