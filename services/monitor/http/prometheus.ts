/**
 * Everything that was received, as Prometheus's text. Names follow OpenTelemetry's rules for
 * Prometheus: dots become underscores, the unit and `total` follow. No I/O.
 *
 * @module
 */
import type { Series } from "../metrics/series.ts";
import type { KeptMetric, MetricStore } from "../metrics/store.ts";

/** Units with a name in Prometheus. Those in braces have none. */
const UNITS: Readonly<Record<string, string>> = {
  s: "seconds",
  ms: "milliseconds",
  By: "bytes",
};

/** The content type of the text. */
export const PROMETHEUS_TYPE = "text/plain; version=0.0.4; charset=utf-8";

/** Returns the text. */
export function prometheusText(store: MetricStore): string {
  const blocks = new Map<string, { head: string; lines: string[] }>();
  for (const { service, instance, metrics } of store.processes()) {
    for (const metric of metrics.values()) {
      const name = nameOf(metric);
      let block = blocks.get(name);
      if (block === undefined) {
        const about = metric.description.replace(/\\/g, "\\\\").replace(/\n/g, "\\n");
        const head = `# HELP ${name} ${about}\n# TYPE ${name} ${metric.kind}`;
        blocks.set(name, block = { head, lines: [] });
      }
      for (const series of metric.series.values()) {
        // As a collector names them, so that the same dashboards and alert rules work.
        const process = { service_name: `hopwire-${service}`, service_instance_id: instance };
        const labels = labelsOf({ ...process, ...series.attributes });
        block.lines.push(...linesOf(name, labels, metric, series));
      }
    }
  }
  return [...blocks.values()].map(({ head, lines }) => `${head}\n${lines.join("\n")}\n`).join("");
}

function linesOf(
  name: string,
  labels: readonly string[],
  { kind }: KeptMetric,
  { last, bounds, total }: Series,
): string[] {
  const line = (suffix: string, value: number, more: readonly string[] = []) =>
    `${name}${suffix}{${[...labels, ...more].join(",")}} ${value}`;
  if (kind !== "histogram") return [line("", last)];
  let count = 0;
  const lines = bounds.map((bound, index) => {
    count += total[index]!;
    return line("_bucket", count, [`le="${bound}"`]);
  });
  count += total[bounds.length] ?? 0;
  return [
    ...lines,
    line("_bucket", count, ['le="+Inf"']),
    line("_sum", last),
    line("_count", count),
  ];
}

function nameOf({ name, unit, kind }: KeptMetric): string {
  const base = name.replace(/[^A-Za-z0-9_:]/g, "_").replace(/^(\d)/, "_$1");
  const suffix = UNITS[unit] ?? (unit === "1" && kind === "gauge" ? "ratio" : "");
  const full = suffix === "" || base.endsWith(`_${suffix}`) ? base : `${base}_${suffix}`;
  return kind === "counter" ? `${full}_total` : full;
}

function labelsOf(attributes: Record<string, string>): string[] {
  return Object.entries(attributes).map(([name, value]) => {
    const label = name.replace(/[^A-Za-z0-9_]/g, "_").replace(/^(\d)/, "_$1");
    const text = value.replace(/\\/g, "\\\\").replace(/"/g, '\\"').replace(/\n/g, "\\n");
    return `${label}="${text}"`;
  });
}
