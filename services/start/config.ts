/**
 * The variables of `deno task start`. The services' own are passed through to them.
 *
 * @module
 */
import * as z from "zod";
import { integer, natsUrl, port } from "../kit/mod.ts";

export const START_CONFIG = z.object({
  /** A running NATS to use; without it one is started. */
  NATS_URL: z.string().optional().refine(
    (text) => text === undefined || text.split(",").every((part) => natsUrl(part.trim()) !== null),
    "expected nats://host:port",
  ),
  /** The port of the NATS that is started; 0 for a free one. */
  NATS_PORT: port().default(0),
  /** Where the gateway and the auth service listen. */
  HOST: z.string().default("127.0.0.1"),
  PORT: integer(1, 65_535).default(8080),
  /** Gateway processes, all on PORT: one uses one core. Linux spreads connections between them. */
  GATEWAYS: integer(1, 64).default(1),
  AUTH_PORT: integer(1, 65_535).default(8081),
  /** Where everything that is kept is kept. */
  DATA_DIR: z.string().default(".data"),
});
export type StartConfig = z.infer<typeof START_CONFIG>;
