/**
 * Whether a stream of the log still has what this gateway has received of it.
 *
 * @module
 */
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import { settledInfo } from "../../kit/mod.ts";
import type { Anchors } from "./anchors.ts";

/** JetStream's code for "no message with this seq". */
const NO_MESSAGE_FOUND = 10037;

/**
 * Returns the seq of a message that this gateway has received and the stream has lost; or null. `highest`
 * is the last seq that the gateway had received before `info` was read. Of a replicated stream it is believed
 * when its leader has repeated it for some seconds.
 *
 * @throws {Error} if the stream's leader is not reached, or changes meanwhile
 */
export async function lostSeq(
  manager: JetStreamManager,
  info: StreamInfo,
  highest: number,
  anchors: Anchors,
): Promise<number | null> {
  let lost: number | null = null;
  await settledInfo(manager, info, async (last) => {
    lost = await lostSeqNow(manager, last, highest, anchors);
    return lost !== null;
  });
  return lost;
}

async function lostSeqNow(
  manager: JetStreamManager,
  { config, state }: StreamInfo,
  highest: number,
  anchors: Anchors,
): Promise<number | null> {
  if (state.last_seq < highest) return highest;
  for (const { seq, payload } of anchors.newestFirst()) {
    if (seq < state.first_seq) return null;
    const stored = await manager.streams.getMessage(config.name, { seq }).catch(ignoreMissing);
    // It may have been deleted on purpose: an older one tells.
    if (stored === null) continue;
    return equal(stored.data, payload) ? null : seq;
  }
  return null;
}

function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, i) => byte === b[i]);
}

function ignoreMissing(error: unknown): null {
  if ((error as { code?: number }).code === NO_MESSAGE_FOUND) return null;
  throw error;
}
