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

/** The purpose of the stream of messages, for whoever lists streams. */
const DESCRIPTION = "Hopwire: the messages of all rooms";

/** What the description says after a change of generation: the epoch follows. */
const GENERATION = "generation ";

/**
 * Returns the description of the stream of messages, with the epoch that persistence has given it,
 * if any.
 */
export function descriptionOfStream(epoch?: string): string {
  return epoch === undefined ? DESCRIPTION : `${DESCRIPTION}; ${GENERATION}${epoch}`;
}

/**
 * Returns the epoch of the stream of messages, from its info. It is that of the stream's creation,
 * unless persistence has found that the log was cut or restored from an older copy: then the stream
 * keeps its time of creation, and persistence writes a new epoch into its description.
 *
 * @example
 * ```ts
 * import { descriptionOfStream, epochOfStream } from "./epoch.ts";
 * import assert from "node:assert/strict";
 * const created = "2026-11-24T12:00:00.123456789Z";
 * assert.equal(epochOfStream({ created, config: {} }), "3aryit1ndz5mpsl");
 * const description = descriptionOfStream("r7k2");
 * assert.equal(epochOfStream({ created, config: { description } }), "r7k2");
 * ```
 */
export function epochOfStream(
  info: { created: string | Date; config: { description?: string } },
): string {
  const { description = "" } = info.config;
  const at = description.lastIndexOf(GENERATION);
  return at < 0 ? epochOf(String(info.created)) : description.slice(at + GENERATION.length).trim();
}
