/**
 * The gateway's HTTP server: hono's routes over node:http, so that npm ws can take upgrades.
 *
 * @module
 */
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { Server } from "node:http";

/** Connections that may wait to be accepted: after a restart everybody comes back at once. */
const BACKLOG = 4_096;

/**
 * Makes the server and listens. Rejects when the port is taken; with `reusePort` by other than gateways
 * of the same user, between which Linux spreads the connections.
 */
export async function listen(
  app: Hono,
  options: { host: string; port: number; reusePort: boolean },
): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...options, backlog: BACKLOG }, () => resolve());
  });
  return server;
}
