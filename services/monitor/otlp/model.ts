/**
 * What monitor keeps of what it receives, in its own units: microseconds, and text for attributes of
 * metrics. No I/O.
 *
 * @module
 */

/** The process that sent something. */
export interface Origin {
  /** `service.name` without `hopwire-`. */
  service: string;
  /** `service.instance.id`; tells processes of a service apart. */
  instance: string;
}

/** The value of a span's attribute. */
export type Scalar = string | number | boolean;

/** A span. */
export interface Span extends Origin {
  traceId: string;
  spanId: string;
  parentId: string | null;
  name: string;
  /** Microseconds since 1970. */
  start: number;
  /** Microseconds. */
  duration: number;
  /** The message of a failed span. */
  error: string | null;
  attributes: Record<string, Scalar>;
}

/** What kind of values a metric has. */
export type MetricKind = "counter" | "gauge" | "histogram";

/** A value of a metric, for one set of attributes. */
export interface Point {
  attributes: Record<string, string>;
  /** When its process began to count, microseconds since 1970; 0 if it does not say. */
  start: number;
  /** The value of a counter or gauge, the sum of a histogram. */
  value: number;
  /** Of a histogram: the upper bounds of all buckets but the last, and how many each has. */
  bounds: readonly number[];
  buckets: readonly number[];
}

/** A metric of one process. */
export interface Metric {
  name: string;
  unit: string;
  description: string;
  kind: MetricKind;
  /** Whether points count since the start of the process; else since the last export. */
  cumulative: boolean;
  points: Point[];
}

/** The metrics of one process. */
export interface MetricSet {
  origin: Origin;
  metrics: Metric[];
}
