/**
 * The variables of `deno task start`. It passes those of the services on to them.
 *
 * @module
 */
import * as z from "zod";
import { integer, natsUrl, port } from "../kit/mod.ts";

/** The schemas of the variables. */
export const START_CONFIG = z.object({
  NATS_URL: z.string().optional().refine(
    (text) => text === undefined || text.split(",").every((part) => natsUrl(part.trim()) !== null),
    "expected nats://host:port (or tls://, several separated by commas)",
  ).meta({
    description:
      "The NATS servers to use. Without it the command starts a nats-server. The first " +
      "URL may carry `user:password@` or `token@`.",
    range: "comma-separated nats:// or tls:// URLs",
  }),
  NATS_SERVER: z.string().optional().meta({
    description: "The nats-server binary. Without it the command looks on `PATH` and, as root on " +
      "Debian, installs the package.",
    range: "a path",
  }),
  NATS_PORT: port().default(0).meta({
    description:
      "The port of the nats-server that the command starts. With 0 it takes a free port.",
  }),
  HOST: z.string().default("127.0.0.1").meta({
    description: "The address that the gateway and the auth service listen on.",
    range: "an IP address or a host name",
  }),
  PORT: integer(1, 65_535).default(8080).meta({
    description: "The port of the gateway: demo page, WebSocket and HTTP transports.",
  }),
  AUTH_PORT: integer(1, 65_535).default(8081).meta({
    description: "The port of the auth service, which issues the development tokens.",
  }),
  GATEWAYS: integer(1, 64).default(1).meta({
    description:
      "The number of gateway processes on `PORT`. Each uses one core. Linux spreads new " +
      "connections over them.",
    unit: "processes",
  }),
  DATA_DIR: z.string().default(".data").meta({
    description: "The folder for NATS's data, the SQLite archive, the development secret and " +
      "`run.json`.",
    range: "a path",
  }),
});
/** The start command's configuration. */
export type StartConfig = z.infer<typeof START_CONFIG>;
