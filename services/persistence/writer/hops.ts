/**
 * Measures what messages took to be archived: the wait for their batch, and the batch's transaction.
 *
 * @module
 */
import {
  type Namespace,
  namespaceOf,
  NO_NAMESPACE,
  roomOfSubject,
  SPAN_ATTRIBUTES,
} from "../../contract/mod.ts";
import {
  type Attributes,
  clock,
  type Context,
  contextOf,
  exportHop,
  hopDurationsOf,
  natsAttributes,
  observeValue,
  secondsBetween,
  SlowMessages,
  SpanKind,
  TELEMETRY_ON,
  wireTraceparent,
} from "../../kit/mod.ts";
import type { ReadMessage } from "../log/log_reader.ts";

/** See the module's doc. */
export interface ArchiveHops {
  /**
   * A batch begins. Call what it returns once, when the batch is committed, or with an error code when it
   * is not.
   */
  begin(messages: readonly ReadMessage[]): (failure?: string) => void;
}

const nothing = () => {};

/** `slowMs` is when a message is exported although it was not sampled, milliseconds; 0 is never. */
export function createArchiveHops(
  namespaces: readonly Namespace[],
  slowMs: number,
): ArchiveHops {
  if (!TELEMETRY_ON) return { begin: () => nothing };
  const slow = new SlowMessages(slowMs);
  observeValue("hopwire.messages.slow", () => slow.count);
  const patternOf = (room: string) => {
    const found = namespaceOf(namespaces, room);
    return namespaces.includes(found) ? found.pattern : NO_NAMESPACE;
  };

  const finish = (
    messages: readonly ReadMessage[],
    began: number,
    ended: number,
    failure?: string,
  ) => {
    const store = secondsBetween(began, ended);
    for (const message of messages) {
      const stored = microsOf(message);
      const hops = hopDurationsOf(
        namespaces.length > 0 ? patternOf(roomOfSubject(message.subject)) : NO_NAMESPACE,
      );
      hops.record("archive.wait", secondsBetween(stored, began));
      hops.record("archive.store", store, failure);
      if (message.traceparent !== undefined) {
        const batch = { began, ended, size: messages.length, failure };
        exportBoth(contextOf(message.traceparent), message, hops.namespace, batch);
      }
      if (!slow.isSlow(ended - stored) || !slow.admit()) continue;
      const traceparent = message.raw && wireTraceparent(message.raw);
      const parent = slow.take(message.traceparent ?? traceparent);
      if (parent === null) continue;
      const batch = { began, ended, size: messages.length, failure };
      exportBoth(parent, message, hops.namespace, batch, { [SPAN_ATTRIBUTES.slow]: true });
    }
  };

  return {
    begin(messages) {
      const began = clock.now();
      return (failure) => finish(messages, began, clock.now(), failure);
    },
  };
}

/** A batch that is committed, or failed. */
interface FinishedBatch {
  began: number;
  ended: number;
  size: number;
  failure: string | undefined;
}

/** Exports both hops of a message. */
function exportBoth(
  parent: Context,
  message: ReadMessage,
  namespace: string,
  { began, ended, size, failure }: FinishedBatch,
  extra: Attributes = {},
): void {
  const attributes = {
    [SPAN_ATTRIBUTES.room]: roomOfSubject(message.subject),
    [SPAN_ATTRIBUTES.seq]: message.seq,
    [SPAN_ATTRIBUTES.namespace]: namespace,
    ...extra,
  };
  const context = exportHop(parent, {
    hop: "archive.wait",
    kind: SpanKind.CONSUMER,
    from: Math.min(microsOf(message), began),
    to: began,
    attributes: { ...natsAttributes("process", message.subject), ...attributes },
  });
  exportHop(context, {
    hop: "archive.store",
    from: began,
    to: ended,
    attributes: { ...attributes, "messaging.batch.message_count": size },
    failure,
  });
}

/** When the log stored a message, microseconds since 1970. */
function microsOf({ time }: ReadMessage): number {
  return Number(time.slice(0, -3));
}
