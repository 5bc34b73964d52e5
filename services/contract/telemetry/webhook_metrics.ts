/**
 * The metrics of webhooks: see `metrics.ts`. No I/O.
 *
 * @module
 */
import type { MetricInfo } from "./process_metrics.ts";

/** The metrics of webhooks, by name; part of METRICS. */
export const WEBHOOK_METRICS = {
  "hopwire.webhooks.request.duration": {
    kind: "histogram",
    unit: "s",
    description: "How long requests to endpoints of webhooks took",
    attributes: ["endpoint", "outcome"],
    by: ["hooks"],
  },
  "hopwire.webhooks.delivered": {
    kind: "counter",
    unit: "{event}",
    description: "Events that endpoints of webhooks acknowledged",
    attributes: ["endpoint"],
    by: ["hooks"],
  },
  "hopwire.webhooks.failed": {
    kind: "counter",
    unit: "{event}",
    description: "Events that were sent and not acknowledged; each attempt counts",
    attributes: ["endpoint"],
    by: ["hooks"],
  },
  "hopwire.webhooks.dead": {
    kind: "counter",
    unit: "{event}",
    description: "Events that were given up: dead letters",
    attributes: ["endpoint"],
    by: ["hooks"],
  },
  "hopwire.webhooks.missed": {
    kind: "counter",
    unit: "{event}",
    description: "Events and messages that left their stream before they were sent to an endpoint",
    attributes: ["endpoint"],
    by: ["hooks"],
  },
  "hopwire.webhooks.waiting": {
    kind: "gauge",
    unit: "{event}",
    description: "Events and messages that an endpoint has not acknowledged yet",
    attributes: ["endpoint"],
    by: ["hooks"],
  },
  "hopwire.webhooks.presence.waiting": {
    kind: "gauge",
    unit: "{change}",
    description: "Changes of presence that wait to be stored as events",
    by: ["hooks"],
  },
  "hopwire.webhooks.presence.left_out": {
    kind: "counter",
    unit: "{change}",
    description: "Changes of presence above HOOKS_MAX_WAITING: who is present is compared instead",
    by: ["hooks"],
  },
} as const satisfies Record<string, MetricInfo>;
