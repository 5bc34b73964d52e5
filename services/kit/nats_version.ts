/**
 * What a version of nats-server can do. No I/O.
 *
 * @module
 */

/** The first version that reports what it does with a message: `msg_trace` of its configuration. */
const FIRST_WITH_TRACES = [2, 11] as const;

/**
 * Returns whether a version of nats-server reports what it does with messages.
 *
 * @example
 * ```ts
 * import { reportsTraces } from "./nats_version.ts";
 * import assert from "node:assert/strict";
 * assert.equal(reportsTraces("2.11.0"), true);
 * assert.equal(reportsTraces("2.9.10"), false);
 * ```
 */
export function reportsTraces(version: string): boolean {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  const [firstMajor, firstMinor] = FIRST_WITH_TRACES;
  return major > firstMajor || (major === firstMajor && minor >= firstMinor);
}
