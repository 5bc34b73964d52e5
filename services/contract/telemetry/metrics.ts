/**
 * Every metric that Hopwire exports: name, kind, unit, attributes and who exports it. Instruments are
 * created from this table alone, the documentation is generated from it, and a test compares it with
 * what a running system exports. No I/O.
 *
 * @module
 */
import { type MetricInfo, PROCESS_METRICS } from "./process_metrics.ts";
import { WEBHOOK_METRICS } from "./webhook_metrics.ts";

/** The metrics by name. */
export const METRICS = {
  // The path of messages.
  "hopwire.hop.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long messages took for a hop",
    attributes: ["hop", "namespace", "outcome"],
    by: ["gateway", "persistence", "api", "monitor"],
  },
  "hopwire.delivery.duration": {
    kind: "histogram",
    unit: "s",
    description: "From reading a frame to writing its message to the last member of a gateway",
    attributes: ["namespace"],
    by: ["gateway"],
  },
  "hopwire.messages.slow": {
    kind: "counter",
    unit: "{message}",
    description: "Messages that took longer than SLOW_MESSAGE_MS",
    by: ["gateway", "persistence"],
  },
  "hopwire.messages.received": {
    kind: "counter",
    unit: "{message}",
    description: "Messages accepted from clients",
    by: ["gateway"],
  },
  "hopwire.messages.delivered": {
    kind: "counter",
    unit: "{message}",
    description: "Messages handed to members: one for each message and member",
    by: ["gateway"],
  },
  "hopwire.frames.received": {
    kind: "counter",
    unit: "{frame}",
    description: "Frames received from clients",
    by: ["gateway"],
  },
  "hopwire.network.io": {
    kind: "counter",
    unit: "By",
    description: "Bytes of frames exchanged with clients",
    attributes: ["network.io.direction"],
    by: ["gateway"],
  },
  "hopwire.repairs": {
    kind: "counter",
    unit: "{read}",
    description: "Reads of the archive that filled a gap in the live messages",
    by: ["gateway"],
  },

  // Connections.
  "hopwire.connections": {
    kind: "gauge",
    unit: "{connection}",
    description: "Connections open now",
    attributes: ["transport"],
    by: ["gateway"],
  },
  "hopwire.connections.peak": {
    kind: "gauge",
    unit: "{connection}",
    description: "Most connections that were open at once since the start",
    by: ["gateway"],
  },
  "hopwire.connections.time": {
    kind: "counter",
    unit: "s",
    description: "Seconds that connections have been open; its rate is their average number",
    by: ["gateway"],
  },
  "hopwire.connections.opened": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections opened",
    attributes: ["transport"],
    by: ["gateway"],
  },
  "hopwire.connections.closed": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections closed, by close code; 1006 for those that were lost",
    attributes: ["code"],
    by: ["gateway"],
  },
  "hopwire.handshakes.failed": {
    kind: "counter",
    unit: "{handshake}",
    description: "Connections that ended before their first request",
    attributes: ["reason"],
    by: ["gateway"],
  },
  "hopwire.users": {
    kind: "gauge",
    unit: "{user}",
    description: "Users connected now",
    by: ["gateway"],
  },
  "hopwire.rooms": {
    kind: "gauge",
    unit: "{room}",
    description: "Rooms that this process holds now",
    by: ["gateway", "rooms"],
  },
  "hopwire.joins": {
    kind: "counter",
    unit: "{join}",
    description: "Joins of rooms, by outcome: `ok` or an error code",
    attributes: ["outcome"],
    by: ["gateway"],
  },
  "hopwire.slow_consumers": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections closed because the client read too slowly",
    by: ["gateway"],
  },
  "hopwire.memory.waiting": {
    kind: "gauge",
    unit: "By",
    description: "Bytes that wait for clients: frames to execute, frames and history to send",
    by: ["gateway"],
  },
  "hopwire.memory.budget": {
    kind: "gauge",
    unit: "By",
    description: "Most bytes that may wait: MEMORY_BUDGET_BYTES",
    by: ["gateway"],
  },
  "hopwire.memory.evictions": {
    kind: "counter",
    unit: "{connection}",
    description: "Connections closed because more waited than the budget allows",
    by: ["gateway"],
  },
  "hopwire.publishes.pending": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages handed to NATS that JetStream has not acknowledged",
    by: ["gateway"],
  },

  // Refusals.
  "hopwire.errors": {
    kind: "counter",
    unit: "{error}",
    description: "Error frames sent to clients, by error code",
    attributes: ["code"],
    by: ["gateway"],
  },
  "hopwire.rate_limited": {
    kind: "counter",
    unit: "{frame}",
    description: "What was refused because of a limit, by limit",
    attributes: ["limit"],
    by: ["gateway"],
  },
  "hopwire.authentications.refused": {
    kind: "counter",
    unit: "{token}",
    description: "Tokens that a gateway refused: invalid, expired or revoked",
    by: ["gateway"],
  },
  "hopwire.tokens.refused": {
    kind: "events",
    unit: "{token}",
    description: "Tokens that auth refused, by reason",
    attributes: ["reason"],
    by: ["auth"],
  },

  // The HTTP API.
  "hopwire.api.request.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long requests to the HTTP API took, from their headers to the answer",
    attributes: ["http.request.method", "http.route", "http.response.status_code", "error.type"],
    by: ["api"],
  },
  "hopwire.api.requests": {
    kind: "gauge",
    unit: "{request}",
    description: "Authenticated requests to the HTTP API in progress",
    by: ["api"],
  },
  "hopwire.api.answers.fullness": {
    kind: "gauge",
    unit: "1",
    description:
      "How full ANSWERS is, the stream of answers that repetitions get: a share of its size",
    by: ["api"],
  },

  ...WEBHOOK_METRICS,

  // The archive and the log.
  "hopwire.archive.position": {
    kind: "gauge",
    unit: "1",
    description: "The seq up to which the log is archived",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.archive.lag": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages of the log that are not archived yet",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.archive.holes.unexplained": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages that are in neither log nor archive, for no known reason",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.archive.audit.messages": {
    kind: "events",
    unit: "{message}",
    description: "Messages of the archive that were compared with the log",
    by: ["persistence"],
  },
  "hopwire.archive.audit.findings": {
    kind: "events",
    unit: "{message}",
    description: "Messages whose archived form differs from the log",
    attributes: ["kind"],
    by: ["persistence"],
  },
  "hopwire.archive.audit.position": {
    kind: "gauge",
    unit: "1",
    description: "The seq up to which the archive was compared with the log",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.log.messages": {
    kind: "gauge",
    unit: "{message}",
    description: "Messages in a stream of the log",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.log.size": {
    kind: "gauge",
    unit: "By",
    description: "Bytes of a stream of the log",
    attributes: ["stream"],
    by: ["persistence"],
  },
  "hopwire.log.fullness": {
    kind: "gauge",
    unit: "1",
    description: "Bytes of a stream of the log, as a share of its limit",
    attributes: ["stream"],
    by: ["persistence"],
  },

  ...PROCESS_METRICS,
} as const satisfies Record<string, MetricInfo>;

/** The name of a metric. */
export type MetricName = keyof typeof METRICS;
