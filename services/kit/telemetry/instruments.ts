/**
 * Makes the instruments of OpenTelemetry from the table of metrics, so that nothing is exported that the
 * table does not describe. Without Deno's exporter they cost next to nothing.
 *
 * @module
 */
import { type Attributes, metrics, type ObservableResult } from "@opentelemetry/api";
import { DURATION_BUCKETS, type MetricInfo, type MetricName, METRICS } from "../../contract/mod.ts";
import { type Duration, DurationHistogram, type Durations } from "./duration_histograms.ts";
import { durationsExporter } from "./durations_exporter.ts";
import { METER } from "./otlp_values.ts";

export type { Attributes, Duration, Durations };

/** The names of the metrics of a kind. */
export type NamesOf<Kind extends MetricInfo["kind"]> = {
  [Name in MetricName]: typeof METRICS[Name] extends { kind: Kind } ? Name : never;
}[MetricName];

const meter = metrics.getMeter(METER);

function optionsOf(name: MetricName): { unit: string; description: string } {
  const { unit, description } = METRICS[name];
  return { unit, description };
}

/**
 * Makes a histogram with the buckets of {@link DURATION_BUCKETS}. This process counts and exports it by
 * itself where it can, because that costs a fortieth.
 */
export function durations(name: NamesOf<"histogram">): Durations {
  const options = optionsOf(name);
  if (durationsExporter !== null) {
    const histogram = new DurationHistogram(name, options);
    durationsExporter.add(histogram);
    return histogram;
  }
  const histogram = meter.createHistogram(name, {
    ...options,
    advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
  });
  return {
    of: (attributes) => ({ record: (seconds) => histogram.record(seconds, attributes) }),
  };
}

/** Makes a counter that is raised event by event. */
export function events(
  name: NamesOf<"events">,
): { add(count: number, attributes?: Attributes): void } {
  return meter.createCounter(name, optionsOf(name));
}

/** Reports values when they are exported: `report` is called once for each set of attributes. */
export type Read = (report: (value: number, attributes?: Attributes) => void) => void;

/**
 * Exports a counter or a gauge whose value `read` reports whenever metrics are exported. Counters only
 * ever grow.
 */
export function observe(name: NamesOf<"counter"> | NamesOf<"gauge">, read: Read): void {
  const instrument = METRICS[name].kind === "counter"
    ? meter.createObservableCounter(name, optionsOf(name))
    : meter.createObservableGauge(name, optionsOf(name));
  instrument.addCallback((result: ObservableResult) =>
    read((value, attributes) => {
      if (Number.isFinite(value)) result.observe(value, attributes);
    })
  );
}

/** Exports one value, by default without attributes, as {@link observe} does. */
export function observeValue(
  name: NamesOf<"counter"> | NamesOf<"gauge">,
  read: () => number,
  attributes?: Attributes,
): void {
  observe(name, (report) => report(read(), attributes));
}

/** Counts by a key, such as an error code, and exports each count with the key as an attribute. */
export class CountByKey {
  readonly #counts = new Map<string, number>();
  readonly #max: number;

  /** `attribute` is the name of the attribute. Keys after the first `max` count as `other`. */
  constructor(name: NamesOf<"counter">, attribute: string, max = 100) {
    this.#max = max;
    observe(name, (report) => {
      for (const [key, count] of this.#counts) report(count, { [attribute]: key });
    });
  }

  /** Counts one, or several. */
  add(key: string, count = 1): void {
    const known = this.#counts.get(key);
    if (known !== undefined) return void this.#counts.set(key, known + count);
    const kept = this.#counts.size < this.#max ? key : "other";
    this.#counts.set(kept, (this.#counts.get(kept) ?? 0) + count);
  }
}
