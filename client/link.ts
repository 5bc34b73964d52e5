/**
 * One connection by one transport: takes and gives frames, and says once when it is over.
 *
 * @module
 */
import type { ServerFrame } from "../services/contract/frames.ts";
import type { WebSocketLike } from "./types.ts";

/** See the module's doc. */
export interface Link {
  /** Bytes that are still to be sent, about. */
  readonly pending: number;
  send(text: string): void;
  close(): void;
}

/** What a link tells. `closed` comes once, and nothing after it. */
export interface LinkEvents {
  opened(): void;
  frame(frame: ServerFrame): unknown;
  /** 1006 where the connection was lost without a code. */
  closed(code: number, reason: string): void;
}

/** The code for a connection that was lost, or never made. */
export const LOST = 1006;

/** Gives a frame's text on; what is no JSON (something between that breaks into it) is passed over. */
export function give(events: LinkEvents, text: string): void {
  let frame: ServerFrame;
  try {
    frame = JSON.parse(text);
  } catch {
    return;
  }
  events.frame(frame);
}

/** How long after an error a close, which says more, may come, milliseconds. */
const CLOSE_MS = 50;

/** Connects by WebSocket. */
export function webSocketLink(
  url: string,
  WebSocket: new (url: string) => WebSocketLike,
  events: LinkEvents,
): Link {
  const socket = new WebSocket(url);
  let over = false;
  const end = (code: number, reason: string) => {
    if (over) return;
    over = true;
    events.closed(code, reason);
  };
  socket.onopen = () => over || events.opened();
  socket.onmessage = ({ data }: { data: string }) => over || give(events, data);
  // A close comes with it, but for Node 22, which says no more where it cannot connect.
  socket.onerror = () => setTimeout(() => end(LOST, "failed"), CLOSE_MS);
  // Deno says 0 where others say 1006.
  socket.onclose = ({ code, reason }: { code: number; reason: string }) =>
    end(code || LOST, reason);
  return {
    get pending() {
      return socket.bufferedAmount;
    },
    send(text) {
      if (socket.readyState === 1) socket.send(text);
    },
    close() {
      over = true;
      socket.close();
    },
  };
}
