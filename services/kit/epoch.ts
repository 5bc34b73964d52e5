/**
 * Epochs: names for the incarnations of a log. A stream that was deleted, or lost with its disk,
 * counts its sequence from 1 again, so seqs of different incarnations must never be compared.
 *
 * @module
 */

/**
 * Returns the epoch of a stream: its creation time in base 36. `created` is the RFC 3339 time with
 * nanoseconds that stream info reports.
 *
 * @example
 * ```ts
 * import { epochOf } from "./epoch.ts";
 * import assert from "node:assert/strict";
 * assert.equal(epochOf("2026-11-24T12:00:00.123456789Z"), "3aryit1ndz5mpsl");
 * assert.notEqual(epochOf("2026-11-24T12:00:00.1Z"), epochOf("2026-11-24T12:00:00.01Z"));
 * ```
 */
export function epochOf(created: string): string {
  const [seconds = "", fraction = ""] = created.replace(/Z$/, "").split(".");
  return BigInt(seconds.replace(/\D/g, "") + fraction.padEnd(9, "0").slice(0, 9)).toString(36);
}
