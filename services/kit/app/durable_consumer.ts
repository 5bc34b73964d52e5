/**
 * The durable consumer of a service on a stream of the log.
 *
 * @module
 */
import { AckPolicy, DeliverPolicy, type JetStreamManager } from "@nats-io/jetstream";
import { EVERYTHING, isEverything } from "../divided_log.ts";
import { errorText } from "../log.ts";
import type { Listener } from "./listening.ts";

/**
 * How long the server waits for an ack before it delivers a message again, milliseconds. Less than NATS
 * lets a service answer (35 s), more than a handler may take.
 */
export const ACK_WAIT_MS = 30_000;

/** Messages that the server may have delivered without an ack, over all instances. */
export const MAX_ACK_PENDING = 512;

const NANOSECONDS_PER_MS = 1_000_000;

/**
 * Creates the consumer unless it is there. Where the one with which this process has read was lost
 * meanwhile, it goes on at `resumeFrom`, or at the beginning of a log that is another one. Without a
 * `filter` it gets every message of the stream. With `since` it begins at that time, if it is new.
 */
export async function ensureConsumer<Content>(
  manager: JetStreamManager,
  stream: string,
  name: string,
  { options }: Listener<Content>,
  filter: string | undefined,
  resumeFrom: number,
  since?: string,
): Promise<void> {
  const known = await manager.consumers.info(stream, name).catch((error) => {
    if (/consumer not found/i.test(errorText(error))) return null;
    throw error;
  });
  const present = known?.config.filter_subject;
  if (known !== null && (present === filter || isEverything(present, filter))) return;
  let start: { deliver_policy: DeliverPolicy; opt_start_seq?: number; opt_start_time?: string } = {
    deliver_policy: options.from === "first" ? DeliverPolicy.All : DeliverPolicy.New,
  };
  if (since !== undefined && options.from !== "first") {
    start = { deliver_policy: DeliverPolicy.StartTime, opt_start_time: since };
  }
  if (known !== null && filter === undefined) {
    // The stream was divided: the filter is within none of its subjects any more.
    await manager.consumers.update(stream, name, { filter_subject: EVERYTHING });
    return;
  }
  if (known !== null) {
    // The pattern has changed: it goes on where the consumer with the earlier one was.
    await manager.consumers.delete(stream, name);
    start = {
      deliver_policy: DeliverPolicy.StartSequence,
      opt_start_seq: known.ack_floor.stream_seq + 1,
    };
  } else if (resumeFrom > 0) {
    const { state } = await manager.streams.info(stream);
    start = state.last_seq + 1 < resumeFrom
      ? { deliver_policy: DeliverPolicy.All }
      : { deliver_policy: DeliverPolicy.StartSequence, opt_start_seq: resumeFrom };
  }
  await manager.consumers.add(stream, {
    durable_name: name,
    description: `Hopwire: the durable listener of ${name}`,
    ...start,
    ack_policy: AckPolicy.Explicit,
    ack_wait: ACK_WAIT_MS * NANOSECONDS_PER_MS,
    max_ack_pending: MAX_ACK_PENDING,
    ...(filter === undefined ? {} : { filter_subject: filter }),
  });
}
