/**
 * The variables of webhooks, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { integer, REPLICATION_CONFIG } from "../kit/mod.ts";

/** The schemas of the variables. */
export const HOOKS_CONFIG = {
  WEBHOOKS_FILE: z.string().meta({
    description:
      "The JSON file with the endpoints of webhooks: see services/hooks/README.md. It is " +
      "read again every second. The start command runs hooks only if it is set.",
    range: "a path",
  }),
  // An endpoint that is down over a long weekend gets everything.
  HOOKS_MAX_AGE: integer(60, 31_536_000).default(604_800).meta({
    description: "How long events of presence wait for their endpoints in the stream HOOKS. " +
      "Messages wait in ROOMS, for STREAM_MAX_AGE.",
    unit: "s",
  }),
  HOOKS_MAX_BYTES: integer(1_048_576, 1_099_511_627_776).default(1_073_741_824).meta({
    description: "The most bytes of the stream HOOKS. Above that it drops the oldest events.",
    unit: "bytes",
  }),
  HOOKS_DEAD_MAX_AGE: integer(60, 31_536_000).default(2_592_000).meta({
    description: "How long events that were given up can be replayed: the age of HOOKS_DEAD.",
    unit: "s",
  }),
  HOOKS_DEAD_MAX_BYTES: integer(1_048_576, 1_099_511_627_776).default(268_435_456).meta({
    description: "The most bytes of the stream HOOKS_DEAD. Above that it drops the oldest ones.",
    unit: "bytes",
  }),
  HOOKS_MAX_WAITING: integer(1, 10_000_000).default(100_000).meta({
    description:
      "Changes of presence that wait to be stored as events, in memory. Above that hooks " +
      "compares who is present with what it has told, and leaves out who came and went meanwhile.",
    unit: "changes",
  }),
  ...REPLICATION_CONFIG,
} as const;

/** The configuration of webhooks. */
export type HooksConfig = z.infer<z.ZodObject<typeof HOOKS_CONFIG>>;
