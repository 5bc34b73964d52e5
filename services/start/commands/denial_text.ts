/**
 * Revocations and bans as lines of text, and times as arguments.
 *
 * @module
 */
import type { Denial } from "../../contract/mod.ts";

/** Describes a revocation or a ban in one line. */
export function describeDenial(denial: Denial): string {
  const { expiresAt, reason } = denial;
  const until = expiresAt === null ? "" : `, kept until ${iso(expiresAt)}`;
  return `${what(denial)}${until}${reason === undefined ? "" : `: ${reason}`}`;
}

function what(denial: Denial): string {
  switch (denial.kind) {
    case "user":
      return `revoked: tokens of ${denial.userId} issued before ${iso(denial.before)}`;
    case "token":
      return `revoked: the token ${denial.tokenId}`;
    case "ban":
      return `banned: ${denial.userId} from ${denial.room}`;
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/**
 * Reads a time such as `2026-11-24T12:00:00Z` as milliseconds since 1970.
 *
 * @throws {Error} if it is none; the message names the option
 */
export function timeOf(option: string, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const time = Date.parse(text);
  if (Number.isNaN(time)) {
    throw new Error(`${option}: expected a time such as 2026-11-24T12:00:00Z`);
  }
  return time;
}
