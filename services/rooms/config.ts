/**
 * The variables of the rooms service, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { integer } from "../kit/mod.ts";

/** The schemas of the variables. */
export const ROOMS_CONFIG = {
  NAMESPACES_FILE: z.string().optional().meta({
    description: "A JSON file with the namespaces. Without it every room is open and stored.",
    range: "a path",
  }),
  // Gateways send a heartbeat every second, so the default survives two lost heartbeats. Together
  // with one sweep (500 ms) the members of a dead gateway leave within 5 s.
  GATEWAY_LEASE_MS: integer(1_000, 60_000).default(3_500).meta({
    description: "How long a gateway may send no heartbeat before its members leave their rooms.",
    unit: "ms",
  }),
  PRESENCE_MAX_BYTES: integer(1_048_576, 1_000_000_000_000).default(1_073_741_824).meta({
    description: "The size of the presence bucket, about 300 bytes a member. When it is full the " +
      "service refuses joins.",
    unit: "bytes",
  }),
} as const;
