/**
 * The variables that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { integer, port, ratio } from "./config.ts";
import { NATS_CONFIG } from "./nats_config.ts";

/** The schemas of the variables that every service reads. */
export const BASE_CONFIG = {
  ...NATS_CONFIG,
  HOST: z.string().default("127.0.0.1").meta({
    description: "The address that the service's HTTP server listens on.",
    range: "an IP address or a host name",
  }),
  PORT: port().default(0).meta({
    description: "The port of that server. With 0 the system chooses a free port.",
  }),
  LOG_LEVEL: z.enum(["debug", "info", "warn", "error"]).default("info").meta({
    description: "The lowest level that the service logs.",
  }),
  LOG_FORMAT: z.enum(["json", "text"]).default("json").meta({
    description: "The format of log lines: one JSON object each, or text for people.",
  }),
  TRACE_RATIO: ratio().default(1).meta({
    description:
      "The share of messages whose trace is recorded. Clients with the right `trace` have " +
      "their own recorded beyond it.",
  }),
  // A chat feels instant up to about 200 ms.
  SLOW_MESSAGE_MS: integer(0, 3_600_000).default(200).meta({
    description:
      "A message that took longer is exported as a trace although it was not sampled, up " +
      "to five a second from each process. 0 turns that off.",
    unit: "ms",
  }),
} as const;
