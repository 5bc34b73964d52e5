/**
 * Puts monitor together: what is received, what is kept of it, and what is shown.
 *
 * @module
 */
import type { Hono } from "hono";
import type { Namespace } from "../contract/mod.ts";
import { CountByKey, type Logger, observeValue, type ServiceContext } from "../kit/mod.ts";
import type { MonitorConfig } from "./config.ts";
import { type Access, createAccess } from "./http/access.ts";
import { addApiRoutes } from "./http/api.ts";
import { createForwarder, type Forwarder } from "./http/forward.ts";
import { addLoginRoutes } from "./http/login.ts";
import { prometheusText } from "./http/prometheus.ts";
import { addReceiveRoutes } from "./http/receive.ts";
import { createMetricStore } from "./metrics/store.ts";
import { followNatsTraces } from "./nats/follow.ts";
import { createNatsState } from "./nats/state.ts";
import { followAlerts } from "./overview/alerts.ts";
import { clockNotes } from "./overview/clock_notes.ts";
import { overviewOf } from "./overview/overview.ts";
import { processSummaries } from "./overview/processes.ts";
import { addPageRoutes } from "./page.ts";
import { createTraceStore } from "./traces/store.ts";
import { findMessages, traceOf } from "./traces/summaries.ts";

/** Steps of the window. */
const STEPS = 60;

/** How long an overview is answered again, milliseconds: several pages may ask every second. */
const OVERVIEW_MS = 250;

/** How often the conditions of alerts are checked, milliseconds. */
const ALERTS_MS = 5_000;

/** How long what waits for the collector may hold up the end, milliseconds. */
const FORWARD_MS = 3_000;

/** Headers of every answer. The page has its own content policy. */
const HEADERS: readonly (readonly [string, string])[] = [
  ["x-content-type-options", "nosniff"],
  ["referrer-policy", "no-referrer"],
  ["x-frame-options", "DENY"],
  ["cross-origin-resource-policy", "same-origin"],
  ["cache-control", "no-store"],
];

/** Monitor, before and after it is connected to NATS. */
export interface Monitor {
  /** Adds the HTTP routes. */
  addRoutes(app: Hono): void;
  /** Starts what needs NATS. */
  connect(context: ServiceContext, namespaces: readonly Namespace[]): void;
}

/** Creates monitor. */
export function createMonitor(config: MonitorConfig, log: Logger): Monitor {
  const now = () => Math.round((performance.timeOrigin + performance.now()) * 1_000);
  const windowUs = config.MONITOR_WINDOW * 1e6;
  const metrics = createMetricStore({ windowUs, stepUs: windowUs / STEPS, now });
  const traces = createTraceStore({
    maxTraces: config.MONITOR_MAX_TRACES,
    maxBytes: config.MONITOR_TRACE_BYTES,
    windowUs,
    now,
  });
  const alerts = followAlerts(metrics);
  const nats = createNatsState();
  const access = createAccess({
    token: config.MONITOR_TOKEN,
    remote: config.MONITOR_REMOTE,
    hosts: config.MONITOR_HOSTS,
  });
  let spansReceived = 0;
  observeValue("hopwire.monitor.spans", () => spansReceived);
  const dropped = new CountByKey("hopwire.monitor.dropped", "what");
  const drop = (what: string, count: number) => {
    if (count > 0) dropped.add(what, count);
  };
  const forwarder: Forwarder | undefined = config.MONITOR_FORWARD_URL === undefined
    ? undefined
    : createForwarder({
      url: config.MONITOR_FORWARD_URL,
      headers: config.MONITOR_FORWARD_HEADERS,
      log,
      dropped: () => dropped.add("forwarded"),
    });
  const overview = cached(() => overviewOf(metrics, alerts, nats.current()), OVERVIEW_MS);

  return {
    addRoutes(app) {
      addHeaders(app);
      addReceiveRoutes(app, access, {
        received({ spans, metrics: sets }) {
          if (spans !== undefined) {
            spansReceived += spans.length;
            nats.sawSpans(spans);
            drop("spans", traces.add(spans));
          }
          for (const set of sets ?? []) drop("series", metrics.record(set));
        },
        forward: (signal, headers, body) => forwarder?.send(signal, headers, body),
      });
      addApiRoutes(app, access, {
        overview,
        messages: (search) => findMessages(traces.all(), search),
        trace(id) {
          const found = traces.get(id);
          if (found === undefined) return undefined;
          const { spans } = found;
          return traceOf(found, [...nats.notesOn(spans), ...clockNotes(metrics, spans)]);
        },
        prometheus: () => prometheusText(metrics),
      });
      addViewRoutes(app, access);
    },
    connect({ bus, onDrain }, namespaces) {
      nats.connected(bus);
      // Also while nobody looks: an alert says since when.
      const timer = setInterval(() => alerts.current(processSummaries(metrics)), ALERTS_MS);
      onDrain(() => clearInterval(timer));
      onDrain(() => forwarder?.stop(FORWARD_MS));
      onDrain(followNatsTraces({
        bus,
        namespaces,
        reported: () => nats.reported(),
        dropped: () => dropped.add("reports"),
      }));
    },
  };
}

function addViewRoutes(app: Hono, access: Access): void {
  addLoginRoutes(app, access);
  addPageRoutes(app);
}

function addHeaders(app: Hono): void {
  app.use(async (c, next) => {
    await next();
    for (const [name, value] of HEADERS) {
      if (!c.res.headers.has(name)) c.res.headers.set(name, value);
    }
  });
}

/** Answers with what was computed before for a while. */
function cached<T>(compute: () => T, milliseconds: number): () => T {
  let value: T;
  let until = -Infinity;
  return () => {
    if (performance.now() >= until) {
      value = compute();
      until = performance.now() + milliseconds;
    }
    return value;
  };
}
