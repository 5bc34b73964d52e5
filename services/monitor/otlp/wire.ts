/**
 * The messages of OTLP as both encodings have them: what monitor reads of them. The JSON of OTLP has ids
 * as hex and 64-bit numbers as text; the decoder of protobuf has bytes and {@link Long}. No I/O.
 *
 * @module
 */
import * as z from "zod";

/** A 64-bit number as protobuf's decoder has it. */
export interface Long {
  low: number;
  high: number;
}
/** A 64-bit number in either encoding. */
export type Wide = number | string | Long;
/** An id in either encoding. */
export type Id = string | Uint8Array;

const WideText = z.union([z.number(), z.string().regex(/^-?\d{1,20}$/)]);
const list = <T extends z.ZodType>(item: T) => z.array(item).nullish();

const Value = z.object({
  stringValue: z.string().nullish(),
  boolValue: z.boolean().nullish(),
  intValue: WideText.nullish(),
  // OTLP's JSON writes what JSON lacks as text.
  doubleValue: z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]).nullish(),
});
const Attributes = list(z.object({ key: z.string(), value: Value.nullish() }));
const Resource = z.object({ attributes: Attributes }).nullish();

const hex = (digits: number) => z.string().regex(new RegExp(`^([0-9a-fA-F]{${digits}})?$`));

const Span = z.object({
  traceId: hex(32),
  spanId: hex(16),
  parentSpanId: hex(16).nullish(),
  name: z.string(),
  startTimeUnixNano: WideText,
  endTimeUnixNano: WideText,
  attributes: Attributes,
  status: z.object({ code: z.number().nullish(), message: z.string().nullish() }).nullish(),
});

/** An `ExportTraceServiceRequest` in JSON. */
export const TraceRequest = z.object({
  resourceSpans: list(z.object({
    resource: Resource,
    scopeSpans: list(z.object({ spans: list(Span) })),
  })),
});

const Double = z.union([z.number(), z.enum(["NaN", "Infinity", "-Infinity"])]);
const NumberPoint = z.object({
  attributes: Attributes,
  startTimeUnixNano: WideText.nullish(),
  asDouble: Double.nullish(),
  asInt: WideText.nullish(),
});
const HistogramPoint = z.object({
  attributes: Attributes,
  startTimeUnixNano: WideText.nullish(),
  sum: Double.nullish(),
  bucketCounts: list(WideText),
  explicitBounds: list(z.number()),
});
const temporality = z.number().nullish();

/** An `ExportMetricsServiceRequest` in JSON. */
export const MetricsRequest = z.object({
  resourceMetrics: list(z.object({
    resource: Resource,
    scopeMetrics: list(z.object({
      metrics: list(z.object({
        name: z.string(),
        unit: z.string().nullish(),
        description: z.string().nullish(),
        gauge: z.object({ dataPoints: list(NumberPoint) }).nullish(),
        sum: z.object({
          dataPoints: list(NumberPoint),
          aggregationTemporality: temporality,
          isMonotonic: z.boolean().nullish(),
        }).nullish(),
        histogram: z.object({
          dataPoints: list(HistogramPoint),
          aggregationTemporality: temporality,
        }).nullish(),
      })),
    })),
  })),
});

/** An `ExportLogsServiceRequest` in JSON, of which monitor keeps nothing. */
export const LogsRequest = z.object({ resourceLogs: list(z.object({})) });

/** Widens ids and 64-bit numbers of the JSON to what either encoding has. */
type Either<T> = T extends readonly (infer Item)[] ? Either<Item>[]
  : T extends Long | Uint8Array ? T
  : T extends object ? {
      [Key in keyof T]: Key extends "traceId" | "spanId" | "parentSpanId" ? T[Key] | Id
        : Key extends WideName ? T[Key] | Wide
        : Key extends "bucketCounts" ? T[Key] | Wide[]
        : Either<T[Key]>;
    }
  : T;
type WideName = "startTimeUnixNano" | "endTimeUnixNano" | "intValue" | "asInt";

/** {@link TraceRequest} in either encoding. */
export type TraceRequest = Either<z.infer<typeof TraceRequest>>;
/** {@link MetricsRequest} in either encoding. */
export type MetricsRequest = Either<z.infer<typeof MetricsRequest>>;
/** The attributes in either encoding. */
export type Attributes = Either<z.infer<typeof Attributes>>;
