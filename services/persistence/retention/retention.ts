/**
 * Retention: which messages of a room are kept, by one rule per room pattern. History shows only
 * these; the instance that writes deletes the others from the archive. The log is not touched: it
 * ages by its own limits.
 *
 * @module
 */
import { matchesRoom } from "../../contract/mod.ts";
import type { Archive, PageQuery, RoomKey } from "../archive/archive.ts";

/** The retention limits of the rooms that match a pattern. Without limits, everything is kept. */
export interface RetentionRule {
  pattern: string;
  /** Maximum age, seconds. */
  maxAge?: number;
  /** Maximum number of messages per room. */
  maxMessages?: number;
}

/** Rooms processed at a time. */
const ROOMS_AT_A_TIME = 100;

/** The setting that holds the rules of the last run. */
const RULES = "retention_rules";

/** What is kept of a room. */
interface Limits {
  /** Milliseconds. */
  maxAge?: number;
  keep?: number;
}

/** Returns what the rules keep of a room; the first rule that matches applies. */
export function limitsOf(rules: readonly RetentionRule[], room: string): Limits | null {
  const rule = rules.find(({ pattern }) => matchesRoom(pattern, room));
  if (rule?.maxAge === undefined && rule?.maxMessages === undefined) return null;
  return {
    ...(rule.maxAge === undefined ? {} : { maxAge: rule.maxAge * 1_000 }),
    ...(rule.maxMessages === undefined ? {} : { keep: rule.maxMessages }),
  };
}

/** Returns the part of a query that hides what the rules do not keep; `now` is in milliseconds. */
export function visibleNow(
  rules: readonly RetentionRule[],
  room: string,
  now: number,
): Pick<PageQuery, "keep" | "storedSince"> {
  const { maxAge, keep } = limitsOf(rules, room) ?? {};
  return {
    ...(maxAge === undefined ? {} : { storedSince: now - maxAge }),
    ...(keep === undefined ? {} : { keep }),
  };
}

/**
 * Returns when retention has to look at a room in which a message was stored, milliseconds since
 * 1970; null if it keeps everything.
 */
export function dueAt(
  rules: readonly RetentionRule[],
  room: string,
  storedAt: number,
): number | null {
  const limits = limitsOf(rules, room);
  if (limits === null) return null;
  // Any new message may be one too many.
  return limits.keep !== undefined ? storedAt : storedAt + limits.maxAge! + 1;
}

/**
 * Deletes what the rules do not keep from the rooms that are due: a bounded number of rows at a time,
 * so that appends and reads run in between. If the rules have changed since the last run, it looks
 * at every room once.
 *
 * @param now milliseconds since 1970
 * @param stopped checked between steps; true ends the run early
 * @returns how many messages were deleted
 * @throws {LeaseLost} if another instance holds the lease
 */
export async function applyRetention(
  archive: Archive,
  term: number,
  rules: readonly RetentionRule[],
  now: number,
  stopped: () => boolean = () => false,
): Promise<number> {
  const text = JSON.stringify(rules);
  if (await archive.setting(RULES) !== text) {
    await markEveryRoom(archive, term, stopped);
    if (stopped()) return 0;
    await archive.writeSetting(term, RULES, text);
  }
  let removed = 0;
  while (!stopped()) {
    const keys = await archive.due(now, ROOMS_AT_A_TIME);
    for (const key of keys) {
      if (stopped()) break;
      removed += await archive.trim(term, { ...key, now, ...limitsOf(rules, key.room) });
      // SQLite answers synchronously. Yield to the event loop so that other work can run.
      await new Promise((resolve) => setTimeout(resolve, 0));
    }
    if (keys.length === 0) break;
  }
  return removed;
}

async function markEveryRoom(
  archive: Archive,
  term: number,
  stopped: () => boolean,
): Promise<void> {
  let after: RoomKey | null = null;
  while (!stopped()) {
    const keys: RoomKey[] = await archive.rooms(after, ROOMS_AT_A_TIME);
    if (keys.length === 0) return;
    after = keys.at(-1)!;
    await archive.markDue(term, keys);
    await new Promise((resolve) => setTimeout(resolve, 0));
  }
}
