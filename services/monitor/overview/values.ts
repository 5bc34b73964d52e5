/**
 * Rates of counters and values of gauges, over all processes. No I/O.
 *
 * @module
 */
import type { MetricName } from "../../contract/mod.ts";
import type { Series } from "../metrics/series.ts";
import type { MetricStore, ProcessMetrics } from "../metrics/store.ts";
import { lastSteps } from "./hops.ts";
import { isLost } from "./lost.ts";

/** A value now, and how it developed: one value for each step, oldest first. */
export interface Development {
  now: number;
  trend: (number | null)[];
}

/** A part of the current step that is shorter has no rate worth showing, microseconds. */
const MIN_PART_US = 2_000_000;

type Filter = (attributes: Readonly<Record<string, string>>) => boolean;
const every: Filter = () => true;

/** Returns how much a counter grows a second. */
export function rate(store: MetricStore, name: MetricName, filter: Filter = every): Development {
  const at = store.now();
  let now = 0;
  for (const process of store.processes()) {
    if (isLost(process, at)) continue;
    for (const one of store.series(name, process)) if (filter(one.attributes)) now += one.rate;
  }
  const series = store.series(name).filter(({ attributes }) => filter(attributes));
  const current = store.currentStep();
  const trend = lastSteps(store, store.steps).map((step) => {
    const grown = sumOf(series, step);
    if (grown === null) return null;
    // What is exported of the current step does not reach up to now.
    const until = Math.max(0, ...series.map((one) => one.at));
    const covered = step === current ? until - step * store.step : store.step;
    return covered < MIN_PART_US ? null : grown / (covered / 1e6);
  });
  return { now, trend };
}

/** Returns what a gauge adds up to now, over the processes that still export it. */
export function level(store: MetricStore, name: MetricName): Development {
  const trend = lastSteps(store, store.steps).map((step) => sumOf(store.series(name), step));
  return { now: total(store, name), trend };
}

/** Returns the sum of a gauge's present values. */
export function total(store: MetricStore, name: MetricName, filter: Filter = every): number {
  return present(store, name).filter(({ attributes }) => filter(attributes))
    .reduce((sum, { last }) => sum + last, 0);
}

/** Returns the greatest of a gauge's present values; null if no process exports it. */
export function greatest(store: MetricStore, name: MetricName): number | null {
  const values = present(store, name).map(({ last }) => last);
  return values.length === 0 ? null : Math.max(...values);
}

/** Returns the series of a gauge whose processes are not lost. */
export function present(store: MetricStore, name: MetricName): Series[] {
  const at = store.now();
  return store.processes().filter((process) => !isLost(process, at))
    .flatMap((process) => store.reported(name, process));
}

/** Returns what a counter has counted since the start of the processes, by an attribute. */
export function countsBy(
  store: MetricStore,
  name: MetricName,
  attribute: string,
): Record<string, number> {
  const counts = new Map<string, number>();
  for (const { attributes, last } of store.series(name)) {
    const key = attributes[attribute] ?? "other";
    counts.set(key, (counts.get(key) ?? 0) + last);
  }
  return Object.fromEntries([...counts].sort(([, a], [, b]) => b - a));
}

/** Returns what a counter has counted since the start of the processes. */
export function count(store: MetricStore, name: MetricName): number {
  return store.series(name).reduce((sum, { last }) => sum + last, 0);
}

/** Returns how much a counter grew in the last steps. */
export function grownIn(store: MetricStore, name: MetricName, steps: number): number {
  return lastSteps(store, steps)
    .reduce((sum, step) => sum + (sumOf(store.series(name), step) ?? 0), 0);
}

/** Returns the present value of a process's gauge; null if it does not export it. */
export function valueOf(
  store: MetricStore,
  process: ProcessMetrics,
  name: MetricName,
): number | null {
  return store.reported(name, process)[0]?.last ?? null;
}

function sumOf(series: readonly Series[], step: number): number | null {
  let sum: number | null = null;
  for (const { values } of series) {
    const value = values.get(step);
    if (value !== undefined) sum = (sum ?? 0) + value;
  }
  return sum;
}
