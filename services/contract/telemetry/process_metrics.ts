/**
 * What every metric is made of, and the metrics of a process: see `metrics.ts`. No I/O.
 *
 * @module
 */
/** A service that exports metrics. `every` is each of them, `own` a service of one's own. */
export type MetricOwner =
  | "every"
  | "gateway"
  | "auth"
  | "rooms"
  | "persistence"
  | "api"
  | "hooks"
  | "monitor"
  | "own";

/** One metric. */
export interface MetricInfo {
  /**
   * What it is for OpenTelemetry. `counter` and `gauge` are read when they are exported; of a
   * `histogram` and of an `events` counter each value is recorded.
   */
  kind: "counter" | "events" | "gauge" | "histogram";
  /** The unit, as UCUM writes it. Durations are in seconds. */
  unit: string;
  /** What it measures. */
  description: string;
  /** The names of its attributes. */
  attributes?: readonly string[];
  /** Who exports it. */
  by: readonly MetricOwner[];
}

/** The metrics of a process and of its requests, by name; part of METRICS. */
export const PROCESS_METRICS = {
  // Requests between services.
  "messaging.client.operation.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long requests on the bus took for who sent them",
    attributes: [
      "messaging.system",
      "messaging.operation.name",
      "messaging.destination.template",
      "error.type",
    ],
    by: ["every"],
  },
  "messaging.process.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long requests on the bus took for who answered them",
    attributes: [
      "messaging.system",
      "messaging.operation.name",
      "messaging.destination.template",
      "error.type",
    ],
    by: ["every"],
  },

  // What a service of one's own listens to.
  "hopwire.listener.waiting": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages that a durable listener has not acknowledged yet",
    attributes: ["stream"],
    by: ["own"],
  },
  "hopwire.listener.delay": {
    kind: "gauge",
    unit: "s",
    description: "Age of the newest message that a durable listener has read, while others wait",
    attributes: ["stream"],
    by: ["own"],
  },
  "hopwire.listener.missed": {
    kind: "counter",
    unit: "{message}",
    description: "Messages that left the log before a durable listener read them",
    attributes: ["stream"],
    by: ["own"],
  },
  "hopwire.listener.dropped": {
    kind: "counter",
    unit: "{message}",
    description:
      "Messages that a live listener dropped, because they came faster than it handled them",
    attributes: ["pattern"],
    by: ["own"],
  },

  // The process, and its connection to NATS.
  "hopwire.nats.rtt": {
    kind: "gauge",
    unit: "s",
    description: "Round trip to the NATS server, the last one measured",
    by: ["every"],
  },
  "hopwire.nats.connected": {
    kind: "gauge",
    unit: "1",
    description: "1 while connected to NATS, else 0",
    by: ["every"],
  },
  "hopwire.nats.reconnects": {
    kind: "counter",
    unit: "{connection}",
    description: "How often the connection to NATS was made again",
    by: ["every"],
  },
  "hopwire.clock.offset": {
    kind: "gauge",
    unit: "s",
    description: "This process's clock less the NATS server's, as far as it is known",
    by: ["every"],
  },
  "hopwire.clock.error": {
    kind: "gauge",
    unit: "s",
    description: "By how much hopwire.clock.offset may be wrong",
    by: ["every"],
  },
  "hopwire.clock.negative": {
    kind: "counter",
    unit: "{hop}",
    description: "Hops that would have taken less than no time, and count as 0",
    by: ["every"],
  },
  "process.cpu.time": {
    kind: "counter",
    unit: "s",
    description: "CPU time of the process",
    attributes: ["cpu.mode"],
    by: ["every"],
  },
  "process.memory.usage": {
    kind: "gauge",
    unit: "By",
    description: "Physical memory of the process",
    by: ["every"],
  },
  "process.uptime": {
    kind: "gauge",
    unit: "s",
    description: "How long the process has been running",
    by: ["every"],
  },
  "v8js.memory.heap.used": {
    kind: "gauge",
    unit: "By",
    description: "Bytes of V8's heap in use",
    by: ["every"],
  },
  "nodejs.eventloop.delay.p50": {
    kind: "gauge",
    unit: "s",
    description: "Median delay of the event loop since the last export",
    by: ["every"],
  },
  "nodejs.eventloop.delay.p99": {
    kind: "gauge",
    unit: "s",
    description: "99th percentile of the event loop's delay since the last export",
    by: ["every"],
  },
  "nodejs.eventloop.delay.max": {
    kind: "gauge",
    unit: "s",
    description:
      "Longest delay of the event loop since the last export; collections of garbage count",
    by: ["every"],
  },

  // The monitor itself.
  "hopwire.monitor.spans": {
    kind: "counter",
    unit: "{span}",
    description: "Spans received",
    by: ["monitor"],
  },
  "hopwire.monitor.dropped": {
    kind: "counter",
    unit: "{item}",
    description: "What was not kept or not forwarded, by what: the window is bounded",
    attributes: ["what"],
    by: ["monitor"],
  },
} as const satisfies Record<string, MetricInfo>;
