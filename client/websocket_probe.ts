/**
 * Finds out whether WebSocket works while a fallback carries the traffic.
 *
 * @module
 */
import { CONNECTION_ID } from "./frame_ids.ts";
import type { Link, LinkEvents } from "./link.ts";
import type { Timers } from "./timers.ts";

/** Name of the probe's timer. */
const TIMER = "websocket probe";

/**
 * Opens a second connection and sends a ping. The answer is what counts: a proxy may let a WebSocket
 * open and then pass nothing through.
 *
 * @param open opens the WebSocket
 * @param timeout how long the probe may take, milliseconds
 * @param report called at most once, with the result
 * @returns a function that cancels the probe
 */
export function probeWebSocket(
  open: (events: LinkEvents) => Link,
  timers: Timers,
  timeout: number,
  report: (works: boolean) => void,
): () => void {
  let link: Link | null = null;
  const cancel = () => {
    timers.clear(TIMER);
    link?.close();
    link = null;
  };
  const finish = (works: boolean) => {
    if (link === null) return;
    cancel();
    report(works);
  };
  try {
    link = open({
      opened: () => link?.send(JSON.stringify({ type: "ping", id: CONNECTION_ID })),
      frame: ({ type }) => type === "pong" && finish(true),
      closed: () => finish(false),
    });
    timers.set(TIMER, timeout, () => finish(false));
  } catch {
    report(false);
  }
  return cancel;
}
