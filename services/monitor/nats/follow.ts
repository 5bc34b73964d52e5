/**
 * Follows what nats-server reports about messages, and exports it as spans in the trace of each message.
 *
 * The spans go through OpenTelemetry like those of any service, so that the user's collector gets them,
 * too: monitor sends them to itself. Its sampler keeps what has a sampled parent and nothing else, and
 * nothing that monitor receives or sends has one.
 *
 * @module
 */
import {
  DEFAULT_NAMESPACE,
  type Namespace,
  namespaceOf,
  NATS_TRACES,
  NO_NAMESPACE,
  SPAN_ATTRIBUTES,
} from "../../contract/mod.ts";
import {
  type Bus,
  contextOf,
  errorText,
  exportHop,
  hopDurationsOf,
  isSampled,
  LogThrottle,
  secondsBetween,
  SpanKind,
  TELEMETRY_ON,
} from "../../kit/mod.ts";
import { hopsOf, type NatsHops, NatsReport } from "./events.ts";

/** Most reports that are turned into spans in a second. One takes 0.1 ms. */
const MAX_PER_SECOND = 2_000;

/** Options of {@link followNatsTraces}. */
export interface FollowOptions {
  bus: Bus;
  namespaces: readonly Namespace[];
  /** Called for each report. */
  reported: () => void;
  /** Called for each report that was left out. */
  dropped: () => void;
  /** A monotonic clock in milliseconds; tests pass their own. */
  now?: () => number;
}

/** Follows the reports. Returns a function that stops. */
export function followNatsTraces(options: FollowOptions): () => void {
  const { bus, namespaces, reported, dropped, now = () => performance.now() } = options;
  const throttle = new LogThrottle(now);
  let second = 0;
  let count = 0;
  const subscription = bus.nats.subscribe(NATS_TRACES, {
    callback(error, message) {
      if (error !== null) return;
      reported();
      const current = Math.floor(now() / 1_000);
      if (current !== second) [second, count] = [current, 0];
      if (++count > MAX_PER_SECOND) return dropped();
      try {
        const hops = hopsOf(NatsReport.parse(message.json()));
        if (hops !== null && isSampled(hops.traceparent)) exportHops(hops, namespaces);
      } catch (error) {
        dropped();
        throttle.run((suppressed) =>
          bus.log.warn("cannot read what nats-server reports", {
            error: errorText(error),
            suppressed,
          })
        );
      }
    },
  });
  return () => subscription.unsubscribe();
}

function exportHops(
  { traceparent, server, room, hops }: NatsHops,
  namespaces: readonly Namespace[],
): void {
  const namespace = room === null ? undefined : patternOf(namespaces, room);
  let parent = contextOf(traceparent);
  for (const { hop, from, to, failure, target } of hops) {
    // Requests between services have other hops, whose durations include these.
    if (namespace !== undefined) {
      hopDurationsOf(namespace).record(hop, secondsBetween(from, to), failure && "error");
    }
    if (!TELEMETRY_ON) continue;
    const context = exportHop(parent, {
      hop,
      kind: SpanKind.INTERNAL,
      from,
      to,
      failure,
      attributes: {
        [SPAN_ATTRIBUTES.natsServer]: server,
        ...room === null ? {} : { [SPAN_ATTRIBUTES.room]: room },
        ...namespace === undefined ? {} : { [SPAN_ATTRIBUTES.namespace]: namespace },
        ...target === undefined ? {} : { [SPAN_ATTRIBUTES.natsTarget]: target },
      },
    });
    if (hop === "nats.ingress") parent = context;
  }
}

function patternOf(namespaces: readonly Namespace[], room: string): string {
  const found = namespaceOf(namespaces, room);
  return found === DEFAULT_NAMESPACE ? NO_NAMESPACE : found.pattern;
}
