/**
 * Redirects plain HTTP to https.
 *
 * @module
 */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";

/** A host name or an address, without its port. */
const HOST = /^([\w.-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::\d{1,5})?$/i;

/**
 * Creates a server that answers every request with a redirect to the same host and path at `port` of
 * https. It serves nothing, so the deadlines may be short. It does not listen yet.
 */
export function createRedirectServer(port: number, timeout: number): Server {
  const server = createServer(
    { headersTimeout: timeout, requestTimeout: timeout, connectionsCheckingInterval: timeout },
    (request, response) => redirect(request, response, port),
  );
  server.maxRequestsPerSocket = 1;
  return server;
}

function redirect({ headers, url = "" }: IncomingMessage, response: ServerResponse, port: number) {
  const host = HOST.exec(headers.host ?? "")?.[1];
  response.setHeader("connection", "close");
  if (host === undefined || !url.startsWith("/")) return void response.writeHead(400).end();
  const location = `https://${host}${port === 443 ? "" : `:${port}`}${url}`;
  // 308 keeps the method and the body of a post.
  response.writeHead(308, { location }).end();
}
