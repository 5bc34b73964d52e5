/**
 * The values of one metric for one set of attributes of one process, by step of the window. No I/O.
 *
 * @module
 */
import type { MetricKind, Point } from "../otlp/model.ts";
import { sameBounds } from "./percentiles.ts";
import { createRing, type Ring } from "./ring.ts";

/** A series. */
export interface Series {
  readonly kind: MetricKind;
  readonly attributes: Readonly<Record<string, string>>;
  /** The value of the last export: of counters the sum since the start of the process. */
  last: number;
  /** Of a counter: how fast it grew between the last two exports, per second. */
  rate: number;
  /** When the last export arrived, microseconds since 1970. */
  at: number;
  /** Of a counter its growth, of a gauge its last value. */
  readonly values: Ring<number>;
  /** Of a gauge: its least and its greatest value. */
  readonly least: Ring<number>;
  readonly most: Ring<number>;
  /** Of a histogram: the buckets, and how much each grew by step. */
  bounds: readonly number[];
  total: Float64Array;
  readonly grown: Ring<Uint32Array>;
  /** When the process began to count. */
  start: number;
}

/** Creates a series that keeps `steps` steps. */
export function createSeries(
  kind: MetricKind,
  attributes: Record<string, string>,
  steps: number,
): Series {
  return {
    kind,
    attributes,
    last: 0,
    rate: 0,
    at: 0,
    values: createRing(steps),
    least: createRing(steps),
    most: createRing(steps),
    bounds: [],
    total: new Float64Array(0),
    grown: createRing(steps),
    start: 0,
  };
}

/** How a point counts. */
export interface Recording {
  /** When it arrived, microseconds since 1970. */
  at: number;
  step: number;
  /** Whether the values are sums since the start of the process. */
  cumulative: boolean;
  /** Whether all that the series counts so far counts as growth; else it is where growth begins. */
  countFirst: boolean;
}

/** Records a point. A process that began anew counts from zero. */
export function recordPoint(series: Series, point: Point, recording: Recording): void {
  const { at, step, cumulative } = recording;
  if (series.kind === "gauge") {
    if (!Number.isFinite(point.value)) return;
    series.last = point.value;
    series.values.set(step, point.value);
    series.least.set(step, Math.min(point.value, series.least.get(step) ?? Infinity));
    series.most.set(step, Math.max(point.value, series.most.get(step) ?? -Infinity));
    series.at = at;
    return;
  }
  const first = series.at === 0;
  const fresh = cumulative && !first && isAnew(series, point);
  const base = !cumulative || fresh || (first && recording.countFirst);
  if (series.kind === "histogram") recordBuckets(series, point, step, base, first);
  const value = Number.isFinite(point.value) ? point.value : 0;
  const growth = base ? value : first ? 0 : Math.max(0, value - series.last);
  series.values.set(step, (series.values.get(step) ?? 0) + growth);
  // The first export covers an unknown time.
  series.rate = first ? 0 : growth / Math.max((at - series.at) / 1e6, 0.001);
  series.last = cumulative ? value : series.last + value;
  series.start = point.start;
  series.at = at;
}

/** Whether the process counts from zero again since the last export. */
function isAnew(series: Series, point: Point): boolean {
  if (point.start !== 0 && series.start !== 0 && point.start > series.start) return true;
  if (series.kind === "counter") return point.value < series.last;
  return point.buckets.some((count, index) => count < (series.total[index] ?? 0));
}

function recordBuckets(
  series: Series,
  { bounds, buckets }: Point,
  step: number,
  base: boolean,
  first: boolean,
): void {
  const known = !first && sameBounds(series.bounds, bounds);
  if (!known) {
    series.bounds = bounds;
    series.total = new Float64Array(bounds.length + 1);
  }
  let grown = series.grown.get(step);
  if (grown === undefined || grown.length !== bounds.length + 1) {
    grown = new Uint32Array(bounds.length + 1);
    series.grown.set(step, grown);
  }
  for (let index = 0; index <= bounds.length; index++) {
    const count = buckets[index] ?? 0;
    const before = base ? 0 : known ? series.total[index]! : count;
    grown[index]! += Math.max(0, count - before);
    series.total[index] = count;
  }
}
