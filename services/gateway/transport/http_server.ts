/**
 * The gateway's HTTP server: hono's routes over node:http, so that npm ws can take upgrades, and what
 * answers the paths of the transports over HTTP.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "../../kit/mod.ts";
import { HTTP_PATHS, pathOf } from "./http_transport.ts";

/** Connections that may wait to be accepted: after a restart everybody comes back at once. */
const BACKLOG = 4_096;

/** How long a request may take to come in, milliseconds. */
const REQUEST_TIMEOUT_MS = 15_000;

/** The server, and who answers {@link HTTP_PATHS} once there is somebody. */
export interface HttpServer {
  readonly server: Server;
  transport: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> } | null;
  /** Listens. Rejects when the port is taken. */
  listen(): Promise<void>;
}

/** Where a http listens. */
export interface HttpServerOptions {
  host: string;
  port: number;
  /** Whether other gateways of the same user may, too: Linux spreads the connections between them. */
  reusePort: boolean;
}

/** Makes the server. */
export function createHttpServer(app: Hono, options: HttpServerOptions, log: Logger): HttpServer {
  const pages = getRequestListener(app.fetch);
  const server = createServer((request, response) => {
    if (!HTTP_PATHS.includes(pathOf(request))) return void pages(request, response);
    if (http.transport !== null) return void http.transport.handle(request, response);
    response.writeHead(503, { "retry-after": "1" }).end();
  });
  server.requestTimeout = REQUEST_TIMEOUT_MS;
  const http: HttpServer = {
    server,
    transport: null,
    listen: () =>
      new Promise((resolve, reject) => {
        server.once("error", reject);
        server.listen({ ...options, backlog: BACKLOG }, () => {
          server.off("error", reject);
          log.info("listening", { address: server.address() });
          resolve();
        });
      }),
  };
  return http;
}
