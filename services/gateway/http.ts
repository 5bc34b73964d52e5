/**
 * The gateway's HTTP server: hono's routes over node:http, so that npm ws can take upgrades, and what
 * answers the paths of the transports over HTTP.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { HTTP_PATHS, pathOf } from "./http_transport.ts";

/** Connections that may wait to be accepted: after a restart everybody comes back at once. */
const BACKLOG = 4_096;

/** The server, and who answers {@link HTTP_PATHS} once there is somebody. */
export interface Front {
  readonly server: Server;
  transport: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> } | null;
}

/**
 * Makes the server and listens. Rejects when the port is taken; with `reusePort` by other than gateways
 * of the same user, between which Linux spreads the connections.
 */
export async function listen(
  app: Hono,
  options: { host: string; port: number; reusePort: boolean },
): Promise<Front> {
  const pages = getRequestListener(app.fetch);
  const server = createServer((request, response) => {
    if (!HTTP_PATHS.includes(pathOf(request))) return void pages(request, response);
    if (front.transport !== null) return void front.transport.handle(request, response);
    response.writeHead(503, { "retry-after": "1" }).end();
  });
  const front: Front = { server, transport: null };
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...options, backlog: BACKLOG }, () => resolve());
  });
  return front;
}
