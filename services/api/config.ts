/**
 * The variables of the HTTP API, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { integer } from "../kit/mod.ts";

/** The schemas of the variables. */
export const API_CONFIG = {
  API_KEYS_FILE: z.string().optional().meta({
    description:
      "The file with the hashes of API keys, which `deno task api-key` writes. It is read again " +
      "every second. Without it, or while it does not exist, every request is refused.",
    range: "a path",
  }),
  // Measured on two busy cores: one process takes 2,300 publishes a second, from all keys together.
  API_KEY_RATE: integer(1, 1_000_000).default(500).meta({
    description: "Operations a second of one key that has no rate of its own, and twice as many " +
      "at once. Each room of a broadcast and each operation of a batch counts.",
    unit: "operations/s",
  }),
  API_KEY_CONCURRENT: integer(1, 10_000).default(64).meta({
    description: "Requests of one key that may be in progress. One more is refused.",
    unit: "requests",
  }),
  API_MAX_CONCURRENT: integer(1, 100_000).default(256).meta({
    description: "Requests of all keys that may be in progress. One more is refused.",
    unit: "requests",
  }),
  // A batch of a hundred messages of average size.
  API_MAX_BODY_BYTES: integer(1_024, 16_777_216).default(1_048_576).meta({
    description: "The largest body of a request.",
    unit: "bytes",
  }),
  // A process that stops has 10 s for what is in progress.
  API_DEADLINE_MS: integer(100, 60_000).default(8_000).meta({
    description: "How long a request may take, from its first byte to its answer.",
    unit: "ms",
  }),
  NAMESPACES_FILE: z.string().optional().meta({
    description: "The JSON file with the namespaces, the same as that of rooms and persistence.",
    range: "a path",
  }),
} as const;

/** The configuration of the HTTP API. */
export type ApiConfig = z.infer<z.ZodObject<typeof API_CONFIG>>;
