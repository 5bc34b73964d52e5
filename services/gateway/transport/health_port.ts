/**
 * A port of its own for health checks. Where several gateways listen on one client port, any of them
 * answers a check there; here each answers for itself.
 *
 * @module
 */
import type { Hono } from "hono";
import type { AddressInfo } from "node:net";
import { createServer, type Server } from "node:http";
import { ConfigError, errorText, type Logger } from "../../kit/mod.ts";
import { listen } from "./listen.ts";

/** The paths that the port answers. Everything else is not found. */
const PATHS = ["/healthz", "/readyz"];

/** How long a check may take to send its request, milliseconds. */
const REQUEST_MS = 5_000;
const DEADLINES = { headersTimeout: REQUEST_MS, requestTimeout: REQUEST_MS };

/** Where the port is; named as the gateway's variables are. */
export interface HealthPortOptions {
  HOST: string;
  PORT: number;
  /** Undefined for no such port. With 0 the system chooses one. */
  HEALTH_PORT?: number;
  /** A file that gets the port's number. */
  HEALTH_PORT_FILE?: string;
}

/**
 * Serves the health checks of `app` by plain HTTP. A gateway never closes the server: checks must see that
 * it drains. Returns null if no port is set.
 *
 * @throws {ConfigError} if the port is that of clients, or only the file is set
 * @throws {Error} if it cannot listen or write the file; the message names the variable
 */
export async function serveHealthPort(
  app: Hono,
  { HOST: hostname, PORT, HEALTH_PORT: port, HEALTH_PORT_FILE: file }: HealthPortOptions,
  log: Logger,
): Promise<Server | null> {
  if (port === undefined) {
    if (file !== undefined) throw new ConfigError("HEALTH_PORT_FILE: HEALTH_PORT must be set");
    return null;
  }
  if (port === PORT && port !== 0) {
    throw new ConfigError("HEALTH_PORT: is the port of clients; give it one of its own");
  }
  // The request is made anew: checks of HTTP/1.0 name no host, which hono's adapter refuses.
  const server = createServer(DEADLINES, async ({ url }, response) => {
    if (!PATHS.includes(url!)) return void response.writeHead(404).end();
    const answer = await app.request(url!);
    response.writeHead(answer.status, { "content-type": "application/json" });
    response.end(await answer.text());
  });
  try {
    await listen(server, { host: hostname, port, reusePort: false });
  } catch (error) {
    throw new Error(`HEALTH_PORT: cannot listen on ${hostname}:${port}: ${errorText(error)}`);
  }
  const { port: chosen } = server.address() as AddressInfo;
  log.info("answering health checks", { hostname, port: chosen });
  if (file === undefined) return server;
  try {
    await Deno.writeTextFile(file, `${chosen}\n`);
  } catch (error) {
    throw new Error(`HEALTH_PORT_FILE: cannot write ${file}: ${errorText(error)}`);
  }
  return server;
}
