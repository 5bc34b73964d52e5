/**
 * PromQL from the names of METRICS, so that a query cannot name a metric that does not exist. No I/O.
 *
 * @module
 */
import { type MetricName, METRICS } from "../../contract/mod.ts";
import { prometheusLabel, prometheusName } from "./prometheus_names.ts";

type NamesOf<Kind extends string> = {
  [Name in MetricName]: typeof METRICS[Name] extends { kind: Kind } ? Name : never;
}[MetricName];

/** A counter, whichever way it is recorded. */
export type CounterName = NamesOf<"counter"> | NamesOf<"events">;

/** Conditions on labels by the name of the attribute, as PromQL writes them: `="x"`, `=~"$y"`. */
export type Where = Record<string, string>;

/** The label that tells processes apart. */
export const INSTANCE = "service_instance_id";
/** The label with the name of the service. */
export const SERVICE = "service_name";

function selector(where: Where): string {
  const parts = Object.entries(where).map(([name, test]) => `${prometheusLabel(name)}${test}`);
  return parts.length === 0 ? "" : `{${parts.join(", ")}}`;
}

function sum(by: readonly string[], what: string): string {
  return by.length === 0
    ? `sum(${what})`
    : `sum by (${by.map(prometheusLabel).join(", ")}) (${what})`;
}

/** The value of a gauge, one series for each process. */
export function value(name: NamesOf<"gauge">, where: Where = {}): string {
  return prometheusName(name) + selector(where);
}

/** The sum of a gauge over all processes. */
export function total(name: NamesOf<"gauge">, by: readonly string[] = []): string {
  return sum(by, value(name));
}

/** How fast a counter grows in a second, over all processes. */
export function rate(
  name: CounterName,
  by: readonly string[] = [],
  where: Where = {},
  window = "$__rate_interval",
): string {
  return sum(by, `rate(${prometheusName(name)}${selector(where)}[${window}])`);
}

/** By how much a counter has grown, over all processes. */
export function increase(
  name: CounterName,
  window: string,
  by: readonly string[] = [],
): string {
  return sum(by, `increase(${prometheusName(name)}[${window}])`);
}

/** A percentile of a histogram. */
export function percentile(
  share: number,
  name: NamesOf<"histogram">,
  by: readonly string[] = [],
  where: Where = {},
  window = "$__rate_interval",
): string {
  const buckets = `rate(${prometheusName(name)}_bucket${selector(where)}[${window}])`;
  return `histogram_quantile(${share}, ${sum(["le", ...by], buckets)})`;
}

/** How many durations a histogram records in a second. */
export function recorded(
  name: NamesOf<"histogram">,
  by: readonly string[] = [],
  where: Where = {},
  window = "$__rate_interval",
): string {
  return sum(by, `rate(${prometheusName(name)}_count${selector(where)}[${window}])`);
}

/** The counts of a histogram's buckets, for a heat map. */
export function buckets(name: NamesOf<"histogram">, where: Where = {}): string {
  return sum(
    ["le"],
    `increase(${prometheusName(name)}_bucket${selector(where)}[$__rate_interval])`,
  );
}
