/**
 * What a version of nats-server can do. No I/O.
 *
 * @module
 */

/** The first version whose streams have metadata. */
const FIRST_WITH_METADATA = [2, 10] as const;

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
  return isSince(version, FIRST_WITH_TRACES);
}

/** Returns whether a version of nats-server keeps metadata of streams. */
export function keepsMetadata(version: string): boolean {
  return isSince(version, FIRST_WITH_METADATA);
}

function isSince(version: string, [firstMajor, firstMinor]: readonly [number, number]): boolean {
  const [major, minor] = version.split(".").map(Number) as [number, number];
  return major > firstMajor || (major === firstMajor && minor >= firstMinor);
}
