/**
 * Where monitor shows the hops of a message. The gateway tells the page the address of monitor.
 *
 * @module
 */
import { webAddress } from "../../../kit/page/dom.ts";

/** Returns the address of a message's hops; null if there is no monitor, or nothing to find it by. */
export function hopsAddress(
  message: { room: string; seq: number; traceId?: string | undefined },
): string | null {
  const monitor = webAddress(document.body.dataset.monitorUrl);
  if (monitor === null) return null;
  const { room, seq, traceId } = message;
  if (traceId !== undefined && /^[0-9a-f]{32}$/.test(traceId)) monitor.hash = `/trace/${traceId}`;
  else if (seq > 0) monitor.hash = `/message/${encodeURIComponent(room)}/${seq}`;
  else return null;
  return monitor.href;
}
