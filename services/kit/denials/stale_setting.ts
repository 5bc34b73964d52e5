/**
 * The setting of every process that follows the denials.
 *
 * @module
 */
import type * as z from "zod";
import { DENIALS_STALE_MS } from "../../contract/mod.ts";
import { integer } from "../config.ts";

/** The schema of REVOCATIONS_STALE_MS. */
export function revocationsStale(): z.ZodType<number, string | undefined> {
  return integer(1_000, 3_600_000).default(DENIALS_STALE_MS).meta({
    description:
      "How long the list of revocations and bans may be out of reach. After that nobody " +
      "is let in, and the gateway closes all connections with 4104.",
    unit: "ms",
  });
}
