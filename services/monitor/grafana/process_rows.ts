/**
 * The rows of the dashboard about what runs out, and about single processes. No I/O.
 *
 * @module
 */
import {
  increase,
  INSTANCE,
  percentile,
  rate,
  recorded,
  SERVICE,
  total,
  value,
} from "./expressions.ts";
import { type Row, timeSeries } from "./panels.ts";

const PROCESS = `{{${SERVICE}}} {{${INSTANCE}}}`;
const OF_PROCESS = [SERVICE, INSTANCE];

/** The HTTP API. */
export const apiRow: Row = {
  title: "HTTP API",
  panels: [
    timeSeries(
      "API requests",
      { unit: "cps", stack: true, description: "Requests of back-ends, by status." },
      [
        "{{http_response_status_code}}",
        recorded("hopwire.api.request.duration", ["http.response.status_code"]),
      ],
    ),
    timeSeries(
      "API duration",
      { unit: "s", description: "Median and 99th percentile, by route." },
      ["{{http_route}} median", percentile(0.5, "hopwire.api.request.duration", ["http.route"])],
      ["{{http_route}} p99", percentile(0.99, "hopwire.api.request.duration", ["http.route"])],
    ),
    timeSeries(
      "API requests in progress",
      { description: "Refused above API_KEY_CONCURRENT and API_MAX_CONCURRENT." },
      [PROCESS, value("hopwire.api.requests")],
    ),
    timeSeries(
      "Kept answers",
      {
        unit: "percentunit",
        description:
          "How full ANSWERS is. Above 90 % requests with a new Idempotency-Key are refused.",
      },
      [PROCESS, value("hopwire.api.answers.fullness")],
    ),
  ],
};

/** What runs out, or is late. */
export const saturationRow: Row = {
  title: "Saturation",
  panels: [
    timeSeries(
      "Event loop, p99",
      {
        unit: "s",
        description: "By how much timers are late. Everything else in the process is as late.",
      },
      [PROCESS, value("nodejs.eventloop.delay.p99")],
    ),
    timeSeries(
      "Event loop, longest",
      {
        unit: "s",
        description: "The longest delay between two exports; collections of garbage count.",
      },
      [PROCESS, value("nodejs.eventloop.delay.max")],
      [`${PROCESS} median`, value("nodejs.eventloop.delay.p50")],
    ),
    timeSeries(
      "NATS round trip",
      { unit: "s", threshold: 0.01, description: "From each process to its NATS server." },
      [PROCESS, value("hopwire.nats.rtt")],
    ),
    timeSeries(
      "Waiting bytes, of the budget",
      {
        unit: "percentunit",
        description:
          "What waits for slow clients, as a share of MEMORY_BUDGET_BYTES. At 1 the gateway closes connections.",
      },
      [PROCESS, `${value("hopwire.memory.waiting")} / ${value("hopwire.memory.budget")}`],
    ),
    timeSeries(
      "Closed because they read too slowly",
      { description: "Connections; of these, evicted because all together exceeded the budget." },
      ["all", increase("hopwire.slow_consumers", "$__rate_interval")],
      ["evicted", increase("hopwire.memory.evictions", "$__rate_interval")],
    ),
    timeSeries(
      "Pending publishes",
      { description: "Messages handed to NATS that JetStream has not acknowledged." },
      [PROCESS, value("hopwire.publishes.pending")],
    ),
    timeSeries(
      "Log fullness",
      {
        unit: "percentunit",
        threshold: 0.9,
        max: 1,
        description: "Bytes of the ROOMS stream, of its limit.",
      },
      ["fullness", `max(${value("hopwire.log.fullness")})`],
    ),
    timeSeries(
      "Archive lag",
      { threshold: 5_000, description: "Messages of the log that are not archived yet." },
      ["lag", `max(${value("hopwire.archive.lag")})`],
      ["unexplained holes", `max(${value("hopwire.archive.holes.unexplained")})`],
    ),
    timeSeries(
      "Archive and audit",
      {
        unit: "cps",
        description: "Messages archived in a second, compared with the log, and differing from it.",
      },
      ["archived", `sum(max by (stream) (deriv(${value("hopwire.archive.position")}[5m])))`],
      ["compared", rate("hopwire.archive.audit.messages")],
      ["{{kind}}", rate("hopwire.archive.audit.findings", ["kind"])],
    ),
    timeSeries(
      "Log",
      { unit: "bytes", description: "Bytes of the ROOMS stream; the size of a message." },
      ["bytes", `max(${value("hopwire.log.size")})`],
      [
        "bytes of a message",
        `max(${value("hopwire.log.size")}) / max(${value("hopwire.log.messages")} > 0)`,
      ],
    ),
    timeSeries(
      "Clocks",
      {
        unit: "s",
        description:
          "By how much clocks differ from the NATS server's, and by how much that may be wrong.",
      },
      [`${PROCESS} offset`, value("hopwire.clock.offset")],
      [`${PROCESS} error`, value("hopwire.clock.error")],
    ),
    timeSeries(
      "Repairs and reconnects",
      {
        description:
          "Gaps that gateways filled from the archive, reconnects to NATS, hops that would have taken less than no time, and what monitor dropped.",
      },
      ["repairs", increase("hopwire.repairs", "$__rate_interval")],
      ["reconnects", increase("hopwire.nats.reconnects", "$__rate_interval")],
      ["negative hops", increase("hopwire.clock.negative", "$__rate_interval")],
      ["dropped: {{what}}", increase("hopwire.monitor.dropped", "$__rate_interval", ["what"])],
    ),
  ],
};

/** Single processes. */
export const processRow: Row = {
  title: "Processes",
  panels: [
    timeSeries(
      "CPU",
      { unit: "percentunit", description: "Of one core. A gateway is full at 1." },
      [PROCESS, rate("process.cpu.time", OF_PROCESS)],
    ),
    timeSeries(
      "Memory",
      { unit: "bytes", description: "Physical memory." },
      [PROCESS, value("process.memory.usage")],
    ),
    timeSeries(
      "V8's heap",
      { unit: "bytes", description: "In use. What grows without end is a leak." },
      [PROCESS, value("v8js.memory.heap.used")],
    ),
    timeSeries(
      "Garbage collection",
      {
        unit: "percentunit",
        description: "Share of time that V8 collects garbage, as Deno measures it.",
      },
      [
        `${PROCESS} {{v8js_gc_type}}`,
        `sum by (${SERVICE}, ${INSTANCE}, v8js_gc_type) (rate(v8js_gc_duration_S_sum[$__rate_interval]))`,
      ],
    ),
    timeSeries(
      "CPU for a connection",
      {
        unit: "s",
        description: "CPU seconds in a second, of each gateway, for one of its connections.",
      },
      [
        PROCESS,
        `${rate("process.cpu.time", OF_PROCESS)} / (${
          total("hopwire.connections", OF_PROCESS)
        } > 0)`,
      ],
    ),
    timeSeries(
      "Memory for a connection",
      { unit: "bytes", description: "Physical memory of each gateway for one of its connections." },
      [
        PROCESS,
        `${total("process.memory.usage", OF_PROCESS)} / (${
          total("hopwire.connections", OF_PROCESS)
        } > 0)`,
      ],
    ),
    timeSeries(
      "Uptime",
      { unit: "s", description: "A curve that falls is a restart." },
      [PROCESS, value("process.uptime")],
    ),
    timeSeries(
      "Connected to NATS",
      { max: 1, description: "1 while the process is connected." },
      [PROCESS, value("hopwire.nats.connected")],
    ),
    timeSeries(
      "Spans received by monitor",
      { unit: "cps", description: "What monitor keeps its window of traces from." },
      [PROCESS, rate("hopwire.monitor.spans", OF_PROCESS)],
    ),
  ],
};
