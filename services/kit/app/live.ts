/**
 * Listens to messages as they are sent. What is sent while the service is down is missed.
 *
 * @module
 */
import type { Msg } from "@nats-io/transport-node";
import { HEADERS, isDelivery } from "../../contract/mod.ts";
import { contextOf } from "../hop.ts";
import { errorText } from "../log.ts";
import { LogThrottle } from "../log_throttle.ts";
import { idleDelay } from "../runtime.ts";
import { type AppParts, DRAIN_MS, requireNeed } from "./app_parts.ts";
import { Lanes } from "./lanes.ts";
import { droppedMessages } from "./listener_metrics.ts";
import { handleMessage, type Listener, wantedMessage } from "./listening.ts";

/** Messages that one listener may hold. At 32 KiB each they take 32 MiB. Further ones are dropped. */
const MAX_WAITING = 1_024;

/** Starts a live listener. */
export function listenLive<Content>(parts: AppParts, listener: Listener<Content>): void {
  requireNeed(parts, "listen", "app.listen");
  const { bus, declaration, log } = parts;
  const { pattern, options } = listener;
  const lanes = new Lanes(options.concurrency, MAX_WAITING);
  const throttle = new LogThrottle();
  const dropped = droppedMessages();

  const receive = (error: Error | null, message: Msg) => {
    if (error !== null || isDelivery(message.reply)) return;
    const { headers } = message;
    const wanted = wantedMessage(parts, listener, {
      payload: () => message.json(),
      // The last one: NATS adds its own after what the publisher set.
      seq: Number(headers?.last(HEADERS.sequence) || 0),
      redelivered: false,
      context: contextOf(headers?.get(HEADERS.traceparent)),
    });
    if (wanted === null) return;
    const added = lanes.add(wanted.room, async () => {
      try {
        await handleMessage(parts, listener, wanted);
      } catch (failure) {
        const fields = { room: wanted.room, seq: wanted.seq, error: errorText(failure) };
        log.error("a message was not handled", fields, wanted.context);
      }
    });
    if (added) return;
    dropped.add(pattern);
    throttle.run((suppressed) => {
      const why = "messages are dropped, because they come faster than they are handled";
      log.warn(why, { pattern, dropped: suppressed + 1 });
    });
  };
  // Only what storing and forwarding publish: a signal is no message.
  const subscriptions = ["room.live", "room.unstored"].map((prefix) =>
    bus.nats.subscribe(`${prefix}.*.${pattern}`, {
      callback: receive,
      ...options.shared ? { queue: declaration.name } : {},
    })
  );
  parts.onDrain(async () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
    const late = idleDelay(DRAIN_MS);
    await Promise.race([lanes.idle(), late]);
  });
}
