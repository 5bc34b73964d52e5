/**
 * The gateway's HTTP server. It uses node:http, because npm ws needs its upgrade event. It sends the
 * paths of the HTTP transports to the transport and everything else to hono's routes.
 *
 * @module
 */
import { getRequestListener } from "@hono/node-server";
import type { Hono } from "hono";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { Logger } from "../../kit/mod.ts";
import { HTTP_PATHS, pathOf } from "./http_transport.ts";

/** Connections that may wait to be accepted. After a restart all clients reconnect at once. */
const BACKLOG = 4_096;

/** How long a client may take to send a request, milliseconds. Bounds slow uploads. */
const REQUEST_TIMEOUT_MS = 15_000;

/** The HTTP server of one gateway. */
export interface HttpServer {
  readonly server: Server;
  /** Answers {@link HTTP_PATHS}. Null until the gateway has started: until then they answer 503. */
  transport: { handle(request: IncomingMessage, response: ServerResponse): Promise<void> } | null;
  /** Starts listening. Rejects if the port is in use or may not be used. */
  listen(): Promise<void>;
}

/** Where the server listens. */
export interface HttpServerOptions {
  host: string;
  port: number;
  /** Whether other gateways of the same user may share the port. Linux balances connections. */
  reusePort: boolean;
}

/** Creates the server. It does not listen yet. `app` answers everything but {@link HTTP_PATHS}. */
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
