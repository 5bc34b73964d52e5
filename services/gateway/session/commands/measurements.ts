/**
 * `measurements` frames: hops that only the client can measure. They are the client's word, so they are
 * bounded in number and size, and never change what the gateway measures itself.
 *
 * @module
 */
import {
  type ClientFrameOf,
  MAX_MEASUREMENTS,
  MEASUREMENTS_MS,
  SPAN_ATTRIBUTES,
} from "../../../contract/mod.ts";
import {
  clock,
  contextOf,
  exportHop,
  exportRootHop,
  FaultError,
  hopDurationsOf,
  isSampled,
  TELEMETRY_ON,
} from "../../../kit/mod.ts";
import { RateLimit } from "../rate_limit.ts";
import type { Session } from "../session.ts";
import { tracesAnywhere } from "./tracing.ts";

/** Entries that a connection may send each second, and at once after a pause. */
const ENTRIES_PER_SECOND = MAX_MEASUREMENTS * 1_000 / MEASUREMENTS_MS;
const ENTRIES_BURST = 2 * MAX_MEASUREMENTS;

/** Spans of clients that a gateway records each second, and at once after a pause. */
const SPANS_PER_SECOND = 200;
const SPANS_BURST = 2_000;

/** Executes `measurements` frames. Throws a FaultError `rate_limited` if there are too many entries. */
export type Measurements = (session: Session, frame: ClientFrameOf<"measurements">) => void;

/** Makes the command of one gateway. */
export function createMeasurements(): Measurements {
  const limits = new WeakMap<Session, RateLimit>();
  const spans = new RateLimit(SPANS_PER_SECOND, SPANS_BURST, performance.now());
  return (session, { entries }) => {
    const now = performance.now();
    const arrived = clock.at(session.readAt);
    const limit = limits.get(session) ?? new RateLimit(ENTRIES_PER_SECOND, ENTRIES_BURST, now);
    limits.set(session, limit);
    const mayTrace = TELEMETRY_ON && tracesAnywhere(session);
    for (const { hop, ms, ago, room, traceparent, root } of entries) {
      const wait = limit.take(now);
      if (wait > 0) throw new FaultError("rate_limited", "measurements", wait);
      // The namespace of a room that the client is not in is not known here.
      const grant = room === undefined ? undefined : session.rooms.get(room)?.grant;
      hopDurationsOf(grant?.namespace).record(hop, ms / 1_000);
      if (!mayTrace || !isSampled(traceparent) || spans.take(now) > 0) continue;
      const to = arrived - ago * 1_000;
      const attributes = {
        ...room === undefined ? {} : { [SPAN_ATTRIBUTES.room]: room },
        // The client measured how long it took, and estimated when it was.
        [SPAN_ATTRIBUTES.reconstructed]: true,
        "hopwire.connection": session.id,
      };
      const finished = { hop, from: to - ms * 1_000, to, attributes };
      const isDone = root === true && hop === "client.send" &&
        exportRootHop(traceparent!, finished);
      if (!isDone) exportHop(contextOf(traceparent), finished);
    }
  };
}
