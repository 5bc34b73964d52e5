/**
 * The hops of a message: its sender asks for a trace, and monitor shows it. The gateway tells the page the
 * address of monitor.
 *
 * @module
 */
import type { Ack, HopwireError, Room } from "../../../../client/mod.ts";
import { webAddress } from "../../../kit/page/dom.ts";

const monitor = webAddress(document.body.dataset.monitorUrl);

/** Whether to ask for traces: until a message is accepted only without one. */
let wantsTraces = monitor !== null;

/** Sends a message, with a trace if there is a monitor and the user may ask for one. */
export async function sendTraced(room: Room, content: unknown, id: string): Promise<Ack> {
  if (!wantsTraces) return await room.send(content, { id });
  try {
    return await room.send(content, { id, trace: true });
  } catch (error) {
    if ((error as HopwireError).code !== "forbidden") throw error;
    // Perhaps the user may speak, but not trace.
    const ack = await room.send(content, { id });
    wantsTraces = false;
    return ack;
  }
}

/** Returns the address of a message's hops; null if there is no monitor, or nothing to find it by. */
export function hopsAddress(
  message: { room: string; seq: number; traceId?: string | undefined },
): string | null {
  if (monitor === null) return null;
  const address = new URL(monitor);
  const { room, seq, traceId } = message;
  if (traceId !== undefined && /^[0-9a-f]{32}$/.test(traceId)) address.hash = `/trace/${traceId}`;
  else if (seq > 0) address.hash = `/message/${encodeURIComponent(room)}/${seq}`;
  else return null;
  return address.href;
}
