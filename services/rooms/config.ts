/**
 * The variables of the rooms service, beside those that every service has.
 *
 * @module
 */
import * as z from "zod";
import { integer } from "../kit/mod.ts";

export const ROOMS_CONFIG = {
  /** A JSON file with the rules of rooms (contract/namespaces.ts); without one all are open. */
  NAMESPACES_FILE: z.string().optional(),
  /**
   * How long a gateway may be silent before its members leave, milliseconds. Gateways speak once a
   * second: two may be lost. Together with one sweep (500 ms) members are gone within 5 s.
   */
  GATEWAY_LEASE_MS: integer(1_000, 60_000).default(3_500),
  /** Bytes that presence may take in JetStream; about 300 a member. Above it joins are refused. */
  PRESENCE_MAX_BYTES: integer(1_048_576, 1_000_000_000_000).default(1_073_741_824),
} as const;
