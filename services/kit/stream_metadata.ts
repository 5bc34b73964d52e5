/**
 * What a stream says about itself to whoever lists streams, beside its description (ADR-33): which service
 * made it, and which release of Hopwire has last configured it. Keys that begin with `_nats` are the
 * server's own. No I/O.
 *
 * @module
 */
import { VERSION } from "../contract/mod.ts";
import { keepsMetadata } from "./nats_version.ts";

/** The keys of the service and of the release. */
const OWNER = "hopwire.owner";
const RELEASE = "hopwire.version";

/**
 * Returns the metadata that a stream of a service should have, given what it has: others' keys stay, and
 * those of a newer release. Undefined if that is what it has, or if the server keeps no metadata.
 *
 * @example
 * ```ts
 * import { metadataFor } from "./stream_metadata.ts";
 * import assert from "node:assert/strict";
 * const made = metadataFor("auth", "2.10.0");
 * assert.equal(made?.["hopwire.owner"], "auth");
 * assert.equal(metadataFor("auth", "2.10.0", made), undefined);
 * assert.equal(metadataFor("auth", "2.10.0", { mine: "1" })?.mine, "1");
 * assert.equal(metadataFor("auth", "2.9.10"), undefined);
 * ```
 */
export function metadataFor(
  owner: string,
  natsVersion: string,
  present: Record<string, string> = {},
): Record<string, string> | undefined {
  if (!keepsMetadata(natsVersion)) return undefined;
  const release = present[RELEASE] ?? "";
  // While releases change, instances of both run: they must not take turns.
  const isCurrent = release.localeCompare(VERSION, "en", { numeric: true }) >= 0;
  if (present[OWNER] !== undefined && isCurrent) return undefined;
  const own = { [OWNER]: owner, [RELEASE]: isCurrent ? release : VERSION };
  return { ...present, ...own };
}
