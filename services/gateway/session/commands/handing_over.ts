/**
 * The moment at which a message goes to NATS: its JSON, and the hops around it.
 *
 * @module
 */
import { type RoomEvent, type SignalEvent, SPAN_ATTRIBUTES } from "../../../contract/mod.ts";
import {
  clock,
  type Context,
  exportHop,
  type Hop,
  natsAttributes,
  sentHeader,
  SpanKind,
  startHop,
  TELEMETRY_ON,
} from "../../../kit/mod.ts";

/** Exports a message that was not stored, and not sampled either. */
export function exportUnstored(
  parent: Context,
  readAt: number,
  handed: number,
  ended: number,
  failure: string,
): void {
  const attributes = { [SPAN_ATTRIBUTES.slow]: true, [SPAN_ATTRIBUTES.reconstructed]: true };
  const received = clock.at(readAt);
  const kind = SpanKind.SERVER;
  const context = exportHop(parent, {
    hop: "edge.receive",
    kind,
    from: received,
    to: handed,
    attributes,
  });
  exportHop(context, { hop: "bus.store", from: handed, to: ended, attributes, failure });
}

/** The moment at which a message goes to NATS: the hop to JetStream begins. */
export function handOver(
  readAt: number,
  parent: Context,
  subject: string,
  attributes: Record<string, string | number>,
): { handed: number; sent: string | undefined; hop: Hop } {
  const handed = clock.now();
  const hop = startHop("bus.store", SpanKind.PRODUCER, parent, {
    [SPAN_ATTRIBUTES.hop]: "bus.store",
    ...natsAttributes("send", subject),
    ...attributes,
  }, handed);
  const sent = TELEMETRY_ON ? sentHeader(clock.at(readAt), handed) : undefined;
  return { handed, sent, hop };
}

/** An event's JSON with `content` last, so that the content is serialised only once. */
export function eventJson(
  event: Omit<RoomEvent, "content"> | Omit<SignalEvent, "content">,
  content: string,
): string {
  return `${JSON.stringify(event).slice(0, -1)},"content":${content}}`;
}
