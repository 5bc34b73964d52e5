/**
 * Limits the requests that one connection sends without waiting for answers. In one turn of the event loop
 * the runtime reads two megabytes of a connection, which may hold 60,000 requests: one client could keep a
 * gateway from everything else for half a minute. No usual client sends a second request before the first
 * is answered.
 *
 * @module
 */
import type { Socket } from "node:net";

/** Requests of one connection in a turn of the event loop. */
const MAX_AT_ONCE = 16;

/** Counts requests. Returns a function that takes the connection of a request and tells whether it may come. */
export function limitPipelines(): (socket: Socket) => boolean {
  const counts = new Map<Socket, number>();
  return (socket) => {
    if (counts.size === 0) setImmediate(() => counts.clear());
    const count = (counts.get(socket) ?? 0) + 1;
    counts.set(socket, count);
    return count <= MAX_AT_ONCE;
  };
}
