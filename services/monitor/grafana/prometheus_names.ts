/**
 * How Prometheus names what it receives by OTLP, with its default `translation_strategy`
 * (`UnderscoreEscapingWithSuffixes`): the rules of prometheus/otlptranslator. No I/O.
 *
 * @module
 */
import { type MetricInfo, type MetricName, METRICS } from "../../contract/mod.ts";

/** Suffixes of units that METRICS has. Those in braces only annotate, and give none. */
const UNIT_SUFFIXES: Record<string, string> = { s: "seconds", By: "bytes", "1": "" };

/** The labels of every series: attributes of the resource, which Prometheus of otel-lgtm keeps. */
export const RESOURCE_LABELS = ["service_name", "service_instance_id", "job", "instance"] as const;

/**
 * What Deno exports by itself and the dashboard shows: the labels of each series. Deno gives the duration of
 * collections of garbage in seconds, but writes the unit as `S`, which Prometheus puts into the name.
 */
export const RUNTIME_SERIES: Record<string, readonly string[]> = {
  v8js_gc_duration_S_sum: ["v8js_gc_type"],
};

/** Returns the name of a metric in Prometheus, without the suffixes of a histogram's series. */
export function prometheusName(name: MetricName): string {
  const { kind, unit }: MetricInfo = METRICS[name];
  const counts = kind === "counter" || kind === "events";
  const words = name.split(/[^a-zA-Z0-9:]+/).filter((word) => word !== "");
  const suffix = unit.includes("{") ? "" : UNIT_SUFFIXES[unit];
  if (suffix === undefined) throw new Error(`${name}: no suffix is known for the unit ${unit}`);
  if (suffix !== "" && !words.includes(suffix)) words.push(suffix);
  const last = counts ? "total" : unit === "1" && kind === "gauge" ? "ratio" : null;
  return last === null
    ? words.join("_")
    : [...words.filter((word) => word !== last), last].join("_");
}

/** Returns the names of a metric's series. */
export function seriesNames(name: MetricName): string[] {
  const base = prometheusName(name);
  if (METRICS[name].kind !== "histogram") return [base];
  return [`${base}_bucket`, `${base}_count`, `${base}_sum`];
}

/** Returns the name of an attribute as a label. */
export function prometheusLabel(attribute: string): string {
  return attribute.replace(/[^a-zA-Z0-9_]+/g, "_");
}
