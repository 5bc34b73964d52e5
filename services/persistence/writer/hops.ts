/**
 * The hops of a batch, for messages whose trace is recorded.
 *
 * @module
 */
import { roomOfSubject } from "../../contract/mod.ts";
import { contextOf, type Hop, natsAttributes, SpanKind, startHop } from "../../kit/mod.ts";
import type { ReadMessage } from "../log/log_reader.ts";

/** Starts a hop for each message whose trace is recorded, from the time it was received. */
export function startHops(messages: readonly ReadMessage[]): Hop[] {
  const hops: Hop[] = [];
  for (const message of messages) {
    if (message.traceparent === undefined) continue;
    hops.push(startHop(
      "process room.message",
      SpanKind.CONSUMER,
      contextOf(message.traceparent),
      {
        ...natsAttributes("process", message.subject),
        "hopwire.room": roomOfSubject(message.subject),
        "hopwire.seq": message.seq,
        "messaging.batch.message_count": messages.length,
      },
      message.receivedAt,
    ));
  }
  return hops;
}
