/**
 * Retention: deletes messages from the archive by rules, one rule per room pattern.
 *
 * @module
 */
import { matchesRoom } from "../contract/mod.ts";
import type { Archive, RoomKey, TrimTarget } from "./archive.ts";

/** The retention limits of the rooms that match a pattern. Without limits, everything is kept. */
export interface RetentionRule {
  pattern: string;
  /** Maximum age, seconds. */
  maxAge?: number;
  /** Maximum number of messages per room. */
  maxMessages?: number;
}

/** Rooms processed in one transaction. SQLite blocks this process for it, about 5 ms. */
const ROOMS_AT_A_TIME = 100;

/** Selects a page of which only the trim mark is used. */
const MARK_ONLY = { limit: 1, maxBytes: 1, ceiling: 0 };

/**
 * Applies the retention rules. The first rule whose pattern matches a room applies to it; a room
 * without a rule keeps everything. Deletes a bounded number of rows at a time, so that appends and
 * reads run in between.
 *
 * @param now milliseconds since 1970
 * @param stopped checked between steps; true ends the run early
 * @param trimmed called for each room of which messages were deleted, with the highest deleted seq;
 * the log may purge them too
 * @returns how many messages were deleted
 */
export async function applyRetention(
  archive: Archive,
  rules: readonly RetentionRule[],
  now: number,
  stopped: () => boolean = () => false,
  trimmed: (key: RoomKey, upTo: number) => Promise<void> = () => Promise.resolve(),
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
      // SQLite answers synchronously. Yield to the event loop so that other work can run.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (removed === before) continue;
    for (const { epoch, room } of targets) {
      const { trimmedTo } = await archive.page({ epoch, room, ...MARK_ONLY });
      await trimmed({ epoch, room }, trimmedTo);
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
