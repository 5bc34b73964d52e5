/**
 * A receiver of metrics by OTLP over HTTP with JSON. It keeps the last value of each series, and serves
 * them in Prometheus's text format, with the names that Prometheus gives to what it receives by OTLP.
 *
 * @module
 */
import * as z from "zod";
import { METRICS } from "../../services/contract/mod.ts";
import {
  prometheusLabel,
  prometheusName,
} from "../../services/monitor/grafana/prometheus_names.ts";

const Count = z.union([z.string(), z.number()]).transform(Number);
const Attributes = z.array(z.object({
  key: z.string(),
  value: z.object({
    stringValue: z.string().optional(),
    intValue: Count.optional(),
    doubleValue: z.number().optional(),
    boolValue: z.boolean().optional(),
  }),
})).default([]).transform((list): Record<string, string> =>
  Object.fromEntries(list.map(({ key, value }) => [key, String(Object.values(value)[0])]))
);
const NumberPoint = z.object({
  attributes: Attributes,
  asDouble: z.number().optional(),
  asInt: Count.optional(),
}).transform(({ attributes, asDouble, asInt }) => ({
  attributes,
  value: asDouble ?? asInt ?? NaN,
}));
const HistogramPoint = z.object({
  attributes: Attributes,
  count: Count,
  sum: z.number().default(0),
  bucketCounts: z.array(Count),
  explicitBounds: z.array(z.number()),
});
const Metric = z.object({
  name: z.string(),
  unit: z.string().default(""),
  description: z.string().default(""),
  gauge: z.object({ dataPoints: z.array(NumberPoint) }).optional(),
  sum: z.object({
    dataPoints: z.array(NumberPoint),
    isMonotonic: z.boolean().default(false),
    aggregationTemporality: z.number(),
  }).optional(),
  histogram: z.object({
    dataPoints: z.array(HistogramPoint),
    aggregationTemporality: z.number(),
  }).optional(),
});
const Metrics = z.object({
  resourceMetrics: z.array(z.object({
    resource: z.object({ attributes: Attributes }),
    scopeMetrics: z.array(z.object({
      scope: z.object({ name: z.string() }),
      metrics: z.array(Metric),
    })),
  })),
});

/** A metric as a process exported it last. */
export interface ReceivedMetric extends z.infer<typeof Metric> {
  /** The attributes of the process's resource. */
  resource: Record<string, string>;
  /** The name of the meter. */
  scope: string;
}

/** A running receiver. */
export interface MetricsReceiver extends AsyncDisposable {
  /** What was received, the last export of each process. */
  readonly metrics: readonly ReceivedMetric[];
  readonly port: number;
  /** The variables that make a service export to this receiver, and to name itself. */
  env(service: string): Record<string, string>;
}

/** How long `/metrics` has the values of a process that exports no more, milliseconds. */
const GONE_MS = 5_000;

/** Starts a receiver on a free port. Its `/metrics` is for a Prometheus. */
export function startMetricsReceiver(): MetricsReceiver {
  const byProcess = new Map<string, { at: number; metrics: ReceivedMetric[] }>();
  const all = (since = 0) =>
    [...byProcess.values()].flatMap(({ at, metrics }) => at >= since ? metrics : []);
  const server = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    async (request) => {
      const { pathname } = new URL(request.url);
      if (pathname === "/metrics") {
        return new Response(prometheusText(all(performance.now() - GONE_MS)), {
          headers: { "content-type": "text/plain" },
        });
      }
      const body = await request.json();
      if (pathname === "/v1/metrics") {
        for (
          const { resource: { attributes }, scopeMetrics } of Metrics.parse(body).resourceMetrics
        ) {
          const { "service.name": name, "service.instance.id": id } = attributes;
          const key = `${name} ${id}`;
          const exported = scopeMetrics.flatMap(({ scope, metrics }) =>
            metrics.map((metric) => ({ ...metric, scope: scope.name, resource: attributes }))
          );
          // A service exports its histograms in a request of their own.
          const others = byProcess.get(key)?.metrics.filter((one) =>
            !exported.some(({ name }) =>
              name === one.name
            )
          ) ?? [];
          byProcess.set(key, { at: performance.now(), metrics: [...others, ...exported] });
        }
      }
      return Response.json({});
    },
  );
  const { port } = server.addr;
  return {
    get metrics() {
      return all();
    },
    port,
    env: (service) => ({
      OTEL_DENO: "true",
      OTEL_SERVICE_NAME: `hopwire-${service}`,
      OTEL_RESOURCE_ATTRIBUTES: `service.instance.id=${service}-1`,
      OTEL_TRACES_SAMPLER: "always_off",
      OTEL_EXPORTER_OTLP_PROTOCOL: "http/json",
      OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${port}`,
      OTEL_METRIC_EXPORT_INTERVAL: "500",
    }),
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

/** Writes metrics in Prometheus's text format: those of the table, and that of Deno which the dashboard shows. */
export function prometheusText(metrics: readonly ReceivedMetric[]): string {
  const lines: string[] = [];
  for (const { name, resource, gauge, sum, histogram } of metrics) {
    const ours = name in METRICS;
    if (!ours && name !== "v8js.gc.duration") continue;
    const series = ours ? prometheusName(name as keyof typeof METRICS) : "v8js_gc_duration_S";
    const write = (suffix: string, attributes: Record<string, string>, value: number) => {
      const labels = {
        service_name: resource["service.name"]!,
        service_instance_id: resource["service.instance.id"]!,
        ...attributes,
      };
      const text = Object.entries(labels)
        .map(([key, value]) => `${prometheusLabel(key)}=${JSON.stringify(value)}`).join(",");
      lines.push(`${series}${suffix}{${text}} ${value}`);
    };
    for (const { attributes, value } of (gauge ?? sum)?.dataPoints ?? []) {
      write("", attributes, value);
    }
    for (
      const { attributes, count, sum, bucketCounts, explicitBounds } of histogram?.dataPoints ?? []
    ) {
      let below = 0;
      for (const [index, bucket] of bucketCounts.entries()) {
        below += bucket;
        write("_bucket", { ...attributes, le: String(explicitBounds[index] ?? "+Inf") }, below);
      }
      write("_count", attributes, count);
      write("_sum", attributes, sum);
    }
  }
  return lines.join("\n") + "\n";
}
