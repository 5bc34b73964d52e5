/**
 * The metrics of every process over the window. It is bounded: what is too much is not kept, and
 * counted. No I/O.
 *
 * @module
 */
import type { Metric, MetricSet, Origin } from "../otlp/model.ts";
import { createSeries, recordPoint, type Series } from "./series.ts";

/** Most processes that are kept. One that exports nothing for the length of the window is forgotten. */
const MAX_PROCESSES = 256;

/** Most series of a process and of all, in counters and gauges; a histogram counts for eight, long attributes for more. */
const MAX_COST_OF_PROCESS = 8_000;
const MAX_COST = 40_000;
const COST = { counter: 1, gauge: 1, histogram: 8 } as const;

/** Characters of the attributes of a series that are in its price. Each further so many cost one more. */
const PRICED_CHARACTERS = 512;

/** Most buckets of a histogram. */
const MAX_BUCKETS = 64;

/** How long before monitor a process may have begun and still count from its start, microseconds. */
const HEAD_START_US = 10_000_000;

/** Exports that follow each other sooner are parts of one, microseconds. */
const SAME_EXPORT_US = 100_000;

/** Our services export their histograms by themselves, beside what Deno exports, and a moment later. */
const isWhole = (metrics: readonly Metric[]) => metrics.some(({ kind }) => kind !== "histogram");

/** One process. */
export interface ProcessMetrics extends Origin {
  /** When its metrics arrived for the first and for the last time, microseconds since 1970. */
  firstSeen: number;
  lastSeen: number;
  /** When it last exported more than histograms, microseconds since 1970; 0 before. */
  wholeAt: number;
  /** Whether it has exported histograms by themselves. */
  histograms: boolean;
  /** Time between its last two exports, microseconds; 0 before the second one. */
  interval: number;
  /** What is known of each metric, and its series. */
  metrics: Map<string, KeptMetric>;
  cost: number;
}

/** A metric of a process. */
export interface KeptMetric extends Pick<Metric, "name" | "unit" | "description" | "kind"> {
  series: Map<string, Series>;
}

/** The metrics. */
export interface MetricStore {
  /** Length of the window in steps, and of a step in microseconds. */
  readonly steps: number;
  readonly step: number;
  /** Records an export. Returns how many series were not kept. */
  record(set: MetricSet): number;
  /** The processes, in the order in which they were first seen. */
  processes(): ProcessMetrics[];
  /** The series of a metric, of all processes or of one. */
  series(name: string, process?: ProcessMetrics): Series[];
  /** The series of a gauge that its process reported in its last export. */
  reported(name: string, process?: ProcessMetrics): Series[];
  /** The present time, microseconds since 1970, and its step. */
  now(): number;
  currentStep(): number;
}

/** Creates a store. `now` is in microseconds since 1970. */
export function createMetricStore(
  { windowUs, stepUs, now }: { windowUs: number; stepUs: number; now: () => number },
): MetricStore {
  const steps = Math.max(1, Math.round(windowUs / stepUs));
  const processes = new Map<string, ProcessMetrics>();
  const startedAt = now();
  let cost = 0;

  const forget = (key: string, process: ProcessMetrics) => {
    processes.delete(key);
    cost -= process.cost;
  };
  const processOf = ({ service, instance }: Origin, at: number): ProcessMetrics | undefined => {
    const key = `${service}\0${instance}`;
    const known = processes.get(key);
    if (known !== undefined) return known;
    for (const [key, process] of processes) {
      if (process.lastSeen < at - windowUs) forget(key, process);
    }
    if (processes.size >= MAX_PROCESSES) return undefined;
    const process = {
      service,
      instance,
      firstSeen: at,
      lastSeen: at,
      wholeAt: 0,
      histograms: false,
      interval: 0,
      metrics: new Map(),
      cost: 0,
    };
    processes.set(key, process);
    return process;
  };

  const seriesOf = (
    process: ProcessMetrics,
    metric: Metric,
    attributes: Record<string, string>,
  ): Series | undefined => {
    const { name, unit, description, kind } = metric;
    let kept = process.metrics.get(name);
    if (kept !== undefined && kept.kind !== kind) return undefined;
    const key = keyOf(attributes);
    const known = kept?.series.get(key);
    if (known !== undefined) return known;
    const price = COST[kind] + Math.floor(key.length / PRICED_CHARACTERS);
    if (process.cost + price > MAX_COST_OF_PROCESS || cost + price > MAX_COST) return undefined;
    if (kept === undefined) {
      kept = { name, unit, description, kind, series: new Map() };
      process.metrics.set(name, kept);
    }
    process.cost += price;
    cost += price;
    // One more than the window has: the current step is not complete.
    const series = createSeries(kind, attributes, steps + 1);
    kept.series.set(key, series);
    return series;
  };

  const series = (name: string, process?: ProcessMetrics) => {
    const of = process === undefined ? [...processes.values()] : [process];
    return of.flatMap(({ metrics }) => [...metrics.get(name)?.series.values() ?? []]);
  };
  const currentStep = () => Math.floor(now() / stepUs);
  return {
    steps,
    step: stepUs,
    now,
    currentStep,
    record({ origin, metrics }) {
      const at = now();
      const step = currentStep();
      const process = processOf(origin, at);
      if (process === undefined) return metrics.reduce((sum, one) => sum + one.points.length, 0);
      const whole = isWhole(metrics);
      const known = whole ? process.wholeAt !== 0 : process.histograms;
      if (whole || process.wholeAt === 0) {
        const last = process.wholeAt || process.lastSeen;
        if (at - last > SAME_EXPORT_US) process.interval = at - last;
      }
      process.lastSeen = at;
      if (whole) process.wholeAt = at;
      else process.histograms = true;
      let dropped = 0;
      for (const metric of metrics) {
        const { cumulative } = metric;
        for (const point of metric.points) {
          const series = point.bounds.length < MAX_BUCKETS
            ? seriesOf(process, metric, point.attributes)
            : undefined;
          if (series === undefined) {
            dropped++;
            continue;
          }
          // What a process counted before monitor ran cannot be told apart by step.
          const countFirst = known || point.start >= startedAt - HEAD_START_US;
          recordPoint(series, point, { at, step, cumulative, countFirst });
        }
      }
      return dropped;
    },
    processes() {
      const oldest = now() - windowUs;
      for (const [key, process] of processes) {
        if (process.lastSeen < oldest) forget(key, process);
      }
      return [...processes.values()];
    },
    series,
    reported(name, process) {
      const of = process === undefined ? [...processes.values()] : [process];
      return of.flatMap((one) =>
        series(name, one).filter(({ at }) => at >= one.wholeAt - SAME_EXPORT_US)
      );
    },
  };
}

/** A key of a set of attributes, in whatever order they come. */
function keyOf(attributes: Record<string, string>): string {
  const names = Object.keys(attributes);
  if (names.length === 0) return "";
  return names.sort().map((name) => `${name}\0${attributes[name]}`).join("\0");
}
