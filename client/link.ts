/**
 * A link is one connection over one transport. It sends and receives frames and reports its end once.
 *
 * @module
 */
import type { ServerFrame } from "../services/contract/frames.ts";

/** One connection over one transport. */
export interface Link {
  /** Approximate number of bytes that are queued but not yet sent. */
  readonly pending: number;
  /** Sends the text of one frame. Drops it if the link is not open. */
  send(text: string): void;
  /** Closes the link. It reports no further events. */
  close(): void;
}

/** Callbacks of a link. `closed` comes at most once, and nothing follows it. */
export interface LinkEvents {
  /** The link can send frames. */
  opened(): void;
  /** A frame arrived. */
  frame(frame: ServerFrame): unknown;
  /** The link ended. `code` is a WebSocket close code; 1006 if there was none. */
  closed(code: number, reason: string): void;
}

/** Parses a frame and passes it on. Ignores text that is not JSON: a proxy may have injected it. */
export function deliverText(events: LinkEvents, text: string): void {
  let frame: ServerFrame;
  try {
    frame = JSON.parse(text);
  } catch {
    return;
  }
  events.frame(frame);
}
