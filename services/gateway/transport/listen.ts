/**
 * Listening on a port, as a promise.
 *
 * @module
 */
import type { Server } from "node:http";
import type { Server as TlsServer } from "node:https";

/** Connections that may wait to be accepted. After a restart all clients reconnect at once. */
const BACKLOG = 4_096;

/** Starts listening. Rejects if the port is in use or may not be used. */
export function listen(
  server: Server | TlsServer,
  where: { host: string; port: number; reusePort: boolean },
): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once("error", reject);
    server.listen({ ...where, backlog: BACKLOG }, () => {
      server.off("error", reject);
      resolve();
    });
  });
}
