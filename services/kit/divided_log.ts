/**
 * Reading a log whose streams are divided meanwhile. A room that moves has its earlier messages in the stream
 * from which it came, so a reader is done with those before it reads the new stream.
 *
 * @module
 */
import type { JetStreamManager, StreamInfo } from "@nats-io/jetstream";
import {
  childrenOf,
  parentOf,
  ROOMS_STREAM_SUBJECT,
  roomsStream,
  SEQS_PER_STREAM,
  streamCountOf,
} from "../contract/mod.ts";
import { errorText } from "./log.ts";

/** The time between two looks at a consumer that is not done, milliseconds. */
const POLL_MS = 200;

/**
 * The filter of a consumer whose stream was divided: its own one is within no subject of the stream any more.
 * Not none, because a consumer whose filter is taken away hears of no new message before its next pull
 * (nats-server 2.15.1). A new consumer gets none, because 2.9 refuses this one for several subjects.
 */
export const EVERYTHING: string = ROOMS_STREAM_SUBJECT;

/** Whether a consumer that is to have no filter has {@link EVERYTHING}. */
export function isEverything(present: string | undefined, wanted: string | undefined): boolean {
  return wanted === undefined && present === EVERYTHING;
}

/**
 * Returns the streams that have taken rooms from a stream of the log, by their numbers, as the stream says
 * itself.
 */
export function childrenOfStream(index: number, { config }: Pick<StreamInfo, "config">): number[] {
  return childrenOf(index, streamCountOf(config.subjects));
}

/**
 * Waits until a durable consumer is done with all that the stream had from which another one, by its number, has
 * taken rooms. Returns the time from which the consumer of the same name on that other stream is to begin: it
 * has to go on for a consumer that was there before. Undefined if it is there already, if the stream took no
 * rooms from another one, or if `stopped`. `waits` is called if the consumer is not done.
 *
 * @throws {Error} if JetStream does not answer, there is no such consumer yet, or the stream is not open
 */
export async function doneWithParent(
  manager: JetStreamManager,
  index: number,
  consumer: string,
  { stopped, waits }: { stopped(): boolean; waits(): void },
): Promise<string | undefined> {
  const parent = parentOf(index);
  if (parent === null) return undefined;
  const { config, state } = await manager.streams.info(roomsStream(index));
  if (streamCountOf(config.subjects) === 1) throw new Error(`${config.name} has no rooms yet`);
  // A log that began with several streams has divided none.
  if (state.last_seq < SEQS_PER_STREAM) return undefined;
  const known = await manager.consumers.info(roomsStream(index), consumer).catch(ignoreMissing);
  if (known !== null) return undefined;
  const from = roomsStream(parent);
  const { state: { last_seq: last } } = await manager.streams.info(from);
  for (let waited = false; !stopped(); waited = true) {
    if (waited) waits();
    const info = await manager.consumers.info(from, consumer);
    const idle = info.num_pending === 0 && info.num_ack_pending === 0;
    // The floor may have passed a message that was delivered again and is still to be acknowledged.
    const passed = info.ack_floor.stream_seq >= last && info.num_redelivered === 0;
    // Its stream may itself have taken rooms, from one whose consumer is older.
    if (idle || passed) return info.config.opt_start_time ?? String(info.created);
    await new Promise((resolve) => setTimeout(resolve, POLL_MS));
  }
}

function ignoreMissing(error: unknown): null {
  if (/consumer not found/i.test(errorText(error))) return null;
  throw error;
}
