/**
 * Computes what `GET /api/overview` answers. No I/O.
 *
 * @module
 */
import type { Overview } from "../../contract/mod.ts";
import type { MetricStore } from "../metrics/store.ts";
import type { Alerts } from "./alerts.ts";
import { deliverySummary, hopSummaries } from "./hops.ts";
import { processSummaries } from "./processes.ts";
import { count, countsBy, greatest, level, present, rate, total } from "./values.ts";

/** What monitor itself knows about NATS. */
export type NatsState = Pick<
  Overview["nats"],
  "version" | "connected" | "traces" | "tracesMissing"
>;

/** Returns the overview. */
export function overviewOf(store: MetricStore, alerts: Alerts, nats: NatsState): Overview {
  const processes = processSummaries(store);
  const direction = (name: string) => (attributes: Readonly<Record<string, string>>) =>
    attributes["network.io.direction"] === name;
  return {
    at: store.now(),
    window: store.steps * store.step,
    step: store.step,
    hops: hopSummaries(store),
    delivery: deliverySummary(store),
    connections: connectionsOf(store),
    users: total(store, "hopwire.users"),
    // Rooms of the gateways: the service rooms holds the same ones.
    rooms: roomsOf(store),
    messagesIn: rate(store, "hopwire.messages.received"),
    messagesOut: rate(store, "hopwire.messages.delivered"),
    bytesIn: rate(store, "hopwire.network.io", direction("receive")),
    bytesOut: rate(store, "hopwire.network.io", direction("transmit")),
    joins: rate(store, "hopwire.joins"),
    errors: rate(store, "hopwire.errors"),
    errorsByCode: countsBy(store, "hopwire.errors", "code"),
    closesByCode: countsBy(store, "hopwire.connections.closed", "code"),
    rateLimited: countsBy(store, "hopwire.rate_limited", "limit"),
    slowConsumers: count(store, "hopwire.slow_consumers"),
    waitingBytes: total(store, "hopwire.memory.waiting"),
    nats: {
      ...nats,
      rtt: rttOf(store),
      logMessages: greatest(store, "hopwire.log.messages"),
      logBytes: greatest(store, "hopwire.log.size"),
      logFullness: greatest(store, "hopwire.log.fullness"),
      archiveLag: greatest(store, "hopwire.archive.lag"),
    },
    processes,
    alerts: alerts.current(processes),
  };
}

/** The median of the round trips of all processes: one that is busy measures its own delay. */
function rttOf(store: MetricStore): number | null {
  const values = store.processes()
    .flatMap((process) => store.reported("hopwire.nats.rtt", process).map(({ last }) => last))
    .sort((a, b) => a - b);
  return values.length === 0 ? null : Math.round(values[values.length >> 1]! * 1e6);
}

function roomsOf(store: MetricStore): number {
  const of = (service: string) =>
    store.processes().filter((process) => process.service === service)
      .flatMap((process) => store.reported("hopwire.rooms", process))
      .reduce((most, { last }) => Math.max(most, last), 0);
  return Math.max(of("gateway"), of("rooms"));
}

function connectionsOf(store: MetricStore): Overview["connections"] {
  const { now, trend } = level(store, "hopwire.connections");
  const peaks = store.reported("hopwire.connections.peak").map(({ last }) => last);
  // Peaks of several gateways need not have been at the same time.
  const greatestPeak = peaks.length === 1 ? peaks[0]! : Math.max(0, ...peaks);
  const seen = trend.filter((value) => value !== null);
  const time = rate(store, "hopwire.connections.time").trend.filter((value) => value !== null);
  const byTransport: Record<string, number> = {};
  for (const { attributes, last } of present(store, "hopwire.connections")) {
    const transport = attributes.transport ?? "other";
    byTransport[transport] = (byTransport[transport] ?? 0) + last;
  }
  return {
    now,
    trend,
    peak: Math.max(greatestPeak, now, ...seen),
    average: time.length === 0 ? now : time.reduce((sum, value) => sum + value, 0) / time.length,
    byTransport,
  };
}
