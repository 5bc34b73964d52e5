/**
 * Which hops the time of a delivery went to: from reading a frame to the last member's write. A message is
 * on its way to members as soon as it is stored, while JetStream's acknowledgement is still on its way to
 * the sender's gateway. So of `bus.store` only the time until `bus.deliver` begins counts here. No DOM.
 *
 * @module
 */
import { type HopName, SPAN_ATTRIBUTES } from "../../../contract/telemetry/hops.ts";
import type { Overview, TraceSpan } from "../../../contract/telemetry/monitor_api.ts";

/** A hop and what it took of the delivery, microseconds. */
export interface Part {
  hop: HopName;
  duration: number;
}

/** The hops that tile a delivery, in their order. */
const HOPS_OF_DELIVERY: readonly HopName[] = [
  "edge.receive",
  "bus.store",
  "bus.deliver",
  "edge.queue",
  "edge.fanout",
];

/** Those of a single message: one that a service has screened has one more. */
const HOPS_OF_MESSAGE: readonly (string | null)[] = [...HOPS_OF_DELIVERY, "screen"];

/** Whether a nats-server does not tell when it stored a message: before 2.10. */
function tellsNoStoreTime(version: string | null): boolean {
  const [major = 0, minor = 0] = (version ?? "").split(".").map(Number);
  return version !== null && (major < 2 || (major === 2 && minor < 10));
}

/**
 * Returns the medians of the hops. What `bus.store` took of the delivery is not measured by itself: it is
 * what the others leave of the whole. On an old nats-server `bus.deliver` includes it.
 */
export function typicalParts({ delivery, hops, nats }: Overview): Part[] {
  const medians = HOPS_OF_DELIVERY.map((hop) => ({
    hop,
    duration: hops.find((each) => each.hop === hop)?.p50 ?? 0,
  }));
  const others = medians.reduce(
    (sum, { hop, duration }) => hop === "bus.store" ? sum : sum + duration,
    0,
  );
  const left = tellsNoStoreTime(nats.version) ? 0 : Math.max(0, (delivery.p50 ?? 0) - others);
  return medians.map(({ hop, duration }) => ({
    hop,
    duration: hop === "bus.store" ? Math.min(duration, left) : duration,
  })).filter(({ duration }) => duration > 0);
}

/** Returns the parts of one message: those of the gateway that wrote to its last member last. */
export function partsOf(spans: readonly TraceSpan[]): Part[] {
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const endOf = ({ start, duration }: TraceSpan) => start + duration;
  const ends = spans.filter(({ hop }) => hop === "edge.fanout");
  let last = ends.reduce<TraceSpan | undefined>(
    (latest, span) => latest === undefined || endOf(span) > endOf(latest) ? span : latest,
    undefined,
  );
  const path: TraceSpan[] = [];
  // Spans come from the network: a circle of parents must not loop.
  while (last !== undefined && !path.includes(last)) {
    if (HOPS_OF_MESSAGE.includes(last.hop)) path.unshift(last);
    last = last.parentId === null ? undefined : byId.get(last.parentId);
  }
  return path.flatMap((span, index) => {
    const next = path[index + 1];
    const end = next === undefined ? endOf(span) : Math.min(endOf(span), next.start);
    const isIncluded = next?.attributes[SPAN_ATTRIBUTES.includesStore] === true;
    return isIncluded
      ? []
      : [{ hop: span.hop as HopName, duration: Math.max(0, end - span.start) }];
  });
}
