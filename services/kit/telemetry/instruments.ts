/**
 * Makes the instruments of OpenTelemetry from the table of metrics, so that nothing is exported that the
 * table does not describe. Without Deno's exporter they cost next to nothing.
 *
 * @module
 */
import { type Attributes, metrics, type ObservableResult } from "@opentelemetry/api";
import { DURATION_BUCKETS, type MetricInfo, type MetricName, METRICS } from "../../contract/mod.ts";

export type { Attributes };

/** The names of the metrics of a kind. */
export type NamesOf<Kind extends MetricInfo["kind"]> = {
  [Name in MetricName]: typeof METRICS[Name] extends { kind: Kind } ? Name : never;
}[MetricName];

const meter = metrics.getMeter("hopwire");

function optionsOf(name: MetricName): { unit: string; description: string } {
  const { unit, description } = METRICS[name];
  return { unit, description };
}

/** A histogram of durations in seconds. */
export interface Durations {
  /**
   * Records one duration, seconds. Pass the same object of attributes again where the values are the same:
   * it is kept nowhere.
   */
  record(seconds: number, attributes?: Attributes): void;
}

/** Makes a histogram with the buckets of {@link DURATION_BUCKETS}. */
export function durations(name: NamesOf<"histogram">): Durations {
  return meter.createHistogram(name, {
    ...optionsOf(name),
    advice: { explicitBucketBoundaries: [...DURATION_BUCKETS] },
  });
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

/** Exports one value without attributes, as {@link observe} does. */
export function observeValue(
  name: NamesOf<"counter"> | NamesOf<"gauge">,
  read: () => number,
): void {
  observe(name, (report) => report(read()));
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
