/**
 * Percentiles of hops over the window, and how they developed. No I/O.
 *
 * @module
 */
import { HOP_NAMES, type HopSummary } from "../../contract/mod.ts";
import { addBuckets, type Buckets, countOf, percentile } from "../metrics/percentiles.ts";
import type { Series } from "../metrics/series.ts";
import type { MetricStore } from "../metrics/store.ts";

/** The outcome of a hop that went well. */
const OK = "ok";

/** Returns a summary of each hop, in the order in which a message takes them. */
export function hopSummaries(store: MetricStore): HopSummary[] {
  const series = store.series("hopwire.hop.duration");
  return HOP_NAMES.map((hop) =>
    summaryOf(store, hop, series.filter(({ attributes }) => attributes.hop === hop))
  );
}

/** Returns the summary of the whole path. */
export function deliverySummary(store: MetricStore): HopSummary {
  return summaryOf(store, "delivery", store.series("hopwire.delivery.duration"));
}

function summaryOf(store: MetricStore, hop: string, series: readonly Series[]): HopSummary {
  const steps = lastSteps(store, store.steps);
  const all = grownIn(series, steps);
  const count = countOf(all);
  const failed = countOf(
    grownIn(series.filter(({ attributes }) => (attributes.outcome ?? OK) !== OK), steps),
  );
  return {
    hop,
    count,
    p50: micros(percentile(all, 0.5)),
    p95: micros(percentile(all, 0.95)),
    p99: micros(percentile(all, 0.99)),
    trend: steps.map((step) => micros(percentile(grownIn(series, [step]), 0.99))),
    errors: count === 0 ? 0 : failed / count,
  };
}

/** The p99 and the number of values of the last `steps` steps, for conditions that must react soon. */
export function recentP99(
  store: MetricStore,
  series: readonly Series[],
  steps: number,
): { count: number; p99: number | null } {
  const buckets = grownIn(series, lastSteps(store, steps));
  return { count: countOf(buckets), p99: micros(percentile(buckets, 0.99)) };
}

/** The last steps, oldest first; the current one is the last. */
export function lastSteps(store: MetricStore, count: number): number[] {
  const current = store.currentStep();
  return Array.from({ length: count }, (_, index) => current - count + 1 + index);
}

function grownIn(series: readonly Series[], steps: readonly number[]): Buckets {
  const found: Buckets[] = [];
  for (const { bounds, grown } of series) {
    for (const step of steps) {
      const counts = grown.get(step);
      if (counts !== undefined) found.push({ bounds, counts });
    }
  }
  return addBuckets(found);
}

function micros(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1e6);
}
