/**
 * The gateway's HTTP server: hono's routes over node:http, so that npm ws can take upgrades.
 *
 * @module
 */
import { createAdaptorServer } from "@hono/node-server";
import type { Hono } from "hono";
import type { Server } from "node:http";

/** Makes the server and listens. Rejects when the port is taken. */
export async function listen(app: Hono, host: string, port: number): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, host, () => resolve());
  });
  return server;
}
