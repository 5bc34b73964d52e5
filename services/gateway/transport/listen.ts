/**
 * Listening on a port, as a promise.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";

/** Connections that may wait to be accepted. After a restart all clients reconnect at once. */
const BACKLOG = 4_096;

/**
 * How often a server is told to accept connections, milliseconds. When Deno 2.9 fails to accept one, because
 * the process has no file descriptor left, it stops accepting, reports no error, and never tries again:
 * without this nobody could connect any more, however many have left. Telling one that accepts takes 3 us,
 * and changes nothing.
 */
const ACCEPT_MS = 500;

/** Starts listening. Rejects if the port is in use or may not be used. */
export function listen(
  server: Server | TlsServer,
  where: { host: string; port: number; reusePort: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off("error", reject);
      keepAccepting(server);
      resolve();
    });
  });
}

/** Tells a server again and again to accept connections, until it has closed. */
function keepAccepting(server: Server | TlsServer): void {
  // What the server itself calls to listen. It is null once the server no longer does.
  const handleOf = () =>
    (server as { _handle?: { listen(backlog: number): number } | null })._handle;
  const timer = setInterval(() => void handleOf()?.listen(BACKLOG), ACCEPT_MS);
  Deno.unrefTimer(timer as unknown as number);
  server.once("close", () => clearInterval(timer));
}
