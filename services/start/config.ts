/**
 * The variables of `deno task start`. It passes those of the services on to them.
 *
 * @module
 */
import * as z from "zod";
import { flag, integer, list, natsUrl, port } from "../kit/mod.ts";

/** The schemas of the variables. */
export const START_CONFIG = z.object({
  NATS_URL: z.string().optional().refine(
    (text) => text === undefined || text.split(",").every((part) => natsUrl(part.trim()) !== null),
    "expected nats://host:port (or tls://, several separated by commas)",
  ).meta({
    description:
      "The NATS servers to use. Without it the command starts a nats-server, with a user for each " +
      "service. With it the services connect with the `NATS_` variables below, in which `{service}` " +
      "stands for the name of the service.",
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
  NATS_SERVICES: list().default([]).meta({
    description: "Services of your own that get a user on that nats-server, beside those with a " +
      "`declaration.ts`: as `name`, `name+log+revoke`, or `name=calls+post` with what it needs alone. " +
      "`DATA_DIR/services/<name>.env` has the variables with which such a service connects.",
    range: "comma-separated names",
  }),
  HOST: z.string().default("127.0.0.1").meta({
    description: "The address that the gateway listens on.",
    range: "an IP address or a host name",
  }),
  PORT: integer(1, 65_535).default(8080).meta({
    description: "The port of the gateway: demo page, WebSocket and HTTP transports.",
  }),
  AUTH_PORT: integer(1, 65_535).default(8081).meta({
    description: "The port of the auth service, which issues the development tokens.",
  }),
  MONITOR: flag().default(true).meta({
    description: "Whether to run monitor, which shows where the time of messages goes.",
  }),
  MONITOR_PORT: integer(1, 65_535).default(8090).meta({
    description: "The port of monitor: its page, its API, and where the services send telemetry.",
  }),
  API: flag().default(true).meta({
    description: "Whether to run the HTTP API for back-ends.",
  }),
  API_PORT: integer(1, 65_535).default(8070).meta({
    description: "The port of the HTTP API for back-ends, on this machine alone.",
  }),
  GATEWAYS: integer(1, 64).default(1).meta({
    description:
      "The number of gateway processes on `PORT`. Each uses one core. Linux spreads new " +
      "connections over them.",
    unit: "processes",
  }),
  DATA_DIR: z.string().default(".data").meta({
    description: "The folder for NATS's data, the SQLite archive, generated secrets and " +
      "`run.json`. Only its owner may read it.",
    range: "a path",
  }),
});
/** The start command's configuration. */
export type StartConfig = z.infer<typeof START_CONFIG>;
