/**
 * A link over WebSocket.
 *
 * @module
 */
import { CONNECTION_LOST } from "./close_codes.ts";
import { deliverText, type Link, type LinkEvents } from "./link.ts";
import type { WebSocketLike } from "./options.ts";

/** How long to wait, milliseconds, for the close event after an error event: it has the reason. */
const CLOSE_EVENT_MS = 50;

/** `WebSocket.OPEN`, which not every implementation has as a static field. */
const OPEN = 1;

/**
 * Opens a WebSocket and returns it as a link.
 *
 * @throws {Error} the platform has no WebSocket, or a content security policy forbids the address
 */
export function webSocketLink(
  url: string,
  WebSocket: new (url: string) => WebSocketLike,
  events: LinkEvents,
): Link {
  const socket = new WebSocket(url);
  let ended = false;
  const end = (code: number, reason: string) => {
    if (ended) return;
    ended = true;
    events.closed(code, reason);
  };
  socket.onopen = () => ended || events.opened();
  socket.onmessage = ({ data }: { data: string }) => ended || deliverText(events, data);
  // Node 22 sends no close event after an error if it cannot connect.
  socket.onerror = () => setTimeout(() => end(CONNECTION_LOST, "WebSocket failed"), CLOSE_EVENT_MS);
  // Deno reports 0 where other platforms report 1006.
  socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
    end(code || CONNECTION_LOST, reason);
  return {
    get pending() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState === OPEN) socket.send(text);
    },
    close() {
      ended = true;
      socket.close();
    },
  };
}
