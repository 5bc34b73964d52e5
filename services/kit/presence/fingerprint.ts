/**
 * A hash of the statements that a roster includes. Two listeners with the same one have heard the same.
 * No I/O.
 *
 * @module
 */
import { hashFact } from "./digest.ts";
import type { Roster } from "./roster.ts";

/**
 * The fingerprint of a roster: a 32-bit sum over its gateways, each with its number, but without the
 * gateway `without`. An empty roster has 0.
 */
export function fingerprintOf(roster: Roster | undefined, without: string): number {
  let sum = 0;
  for (const [gateway, n] of roster?.numbers() ?? []) {
    if (gateway === without) continue;
    sum = (sum + hashFact("", { userId: gateway, username: "", v: n })) >>> 0;
  }
  return sum;
}
