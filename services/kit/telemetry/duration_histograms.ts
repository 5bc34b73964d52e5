/**
 * Histograms of durations that are counted in this process. To record is a search in an array of bounds and
 * two additions; Deno's own histogram takes forty times as long, because each record crosses into the runtime
 * with every attribute as a string (0.02 us and 0.76 us with three attributes, Deno 2.9.6). No I/O: see
 * durations_exporter.ts.
 *
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import { DURATION_BUCKETS } from "../../contract/mod.ts";

/** Most series of a histogram. What is more is counted together, as OpenTelemetry's SDKs do. */
const MAX_SERIES = 2_000;
const OVERFLOW: Attributes = { "otel.metric.overflow": true };

/** Durations with the same attributes. */
export interface Duration {
  /** Records one duration, seconds. */
  record(seconds: number): void;
}

/** A histogram of durations in seconds. */
export interface Durations {
  /**
   * Returns what records durations with these attributes. Keep it where many are recorded: to find it costs
   * more than to record.
   */
  of(attributes: Attributes): Duration;
}

/** What has been recorded with one set of attributes. */
export class DurationSeries implements Duration {
  readonly attributes: Attributes;
  /** How many were at most each bound of {@link DURATION_BUCKETS} and above the one before; last, the rest. */
  readonly counts = new Float64Array(DURATION_BUCKETS.length + 1);
  /** Seconds. */
  sum = 0;
  /** Since when this counts, nanoseconds since 1970. */
  readonly start: bigint = BigInt(Date.now()) * 1_000_000n;

  constructor(attributes: Attributes) {
    this.attributes = { ...attributes };
  }

  record(seconds: number): void {
    // As the specification says; NaN as well.
    if (!(seconds >= 0 && seconds < Infinity)) return;
    let bucket = 0;
    while (bucket < DURATION_BUCKETS.length && seconds > DURATION_BUCKETS[bucket]!) bucket++;
    this.counts[bucket]!++;
    this.sum += seconds;
  }

  /** How many durations were recorded. */
  get count(): number {
    let count = 0;
    for (const one of this.counts) count += one;
    return count;
  }
}

/** One histogram, by sets of attributes. */
export class DurationHistogram implements Durations {
  readonly name: string;
  readonly unit: string;
  readonly description: string;
  readonly #series = new Map<string, DurationSeries>();

  constructor(name: string, { unit, description }: { unit: string; description: string }) {
    this.name = name;
    this.unit = unit;
    this.description = description;
  }

  of(attributes: Attributes): DurationSeries {
    const key = keyOf(attributes);
    const known = this.#series.get(key);
    if (known !== undefined) return known;
    if (this.#series.size >= MAX_SERIES && attributes !== OVERFLOW) return this.of(OVERFLOW);
    const made = new DurationSeries(attributes);
    this.#series.set(key, made);
    return made;
  }

  /** The series in which something was recorded. */
  get recorded(): DurationSeries[] {
    return [...this.#series.values()].filter(({ count }) => count > 0);
  }
}

/** A key of a set of attributes, in whatever order they come. */
function keyOf(attributes: Attributes): string {
  return JSON.stringify(Object.entries(attributes).sort(([a], [b]) => a < b ? -1 : 1));
}
