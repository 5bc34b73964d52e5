/**
 * Turns OTLP's messages into what monitor keeps. No I/O.
 *
 * @module
 */
import type { Metric, MetricSet, Origin, Point, Scalar, Span } from "./model.ts";
import type { Attributes, Id, MetricsRequest, TraceRequest, Wide } from "./wire.ts";

/** `AGGREGATION_TEMPORALITY_CUMULATIVE`. */
const CUMULATIVE = 2;
/** `STATUS_CODE_ERROR`. */
const ERROR = 2;

/** Hexadecimal digits of the ids of traces and of spans. */
const [TRACE_ID_DIGITS, SPAN_ID_DIGITS] = [32, 16];

/** Longest text of a name or an attribute that is kept, characters. */
const MAX_TEXT = 512;
/** Most attributes of a span or point that are kept. */
const MAX_ATTRIBUTES = 32;

const NAME_PREFIX = "hopwire-";

/** Returns the spans of a request. Those without valid ids are left out. */
export function spansOf(request: TraceRequest): Span[] {
  const found: Span[] = [];
  for (const { resource, scopeSpans } of request.resourceSpans ?? []) {
    const origin = originOf(resource?.attributes);
    for (const { spans } of scopeSpans ?? []) {
      for (const span of spans ?? []) {
        const traceId = idOf(span.traceId, TRACE_ID_DIGITS);
        const spanId = idOf(span.spanId, SPAN_ID_DIGITS);
        if (traceId === "" || spanId === "") continue;
        const start = microsOf(span.startTimeUnixNano);
        const attributes = scalarsOf(span.attributes);
        const failed = span.status?.code === ERROR;
        found.push({
          ...origin,
          traceId,
          spanId,
          parentId: idOf(span.parentSpanId, SPAN_ID_DIGITS) || null,
          name: span.name.slice(0, MAX_TEXT),
          start,
          duration: Math.max(0, microsOf(span.endTimeUnixNano) - start),
          error: failed
            ? span.status?.message?.slice(0, MAX_TEXT) ||
              String(attributes["error.type"] ?? "error")
            : null,
          attributes,
        });
      }
    }
  }
  return found;
}

/** Returns the metrics of a request, by process. Kinds that monitor does not keep are left out. */
export function metricsOf(request: MetricsRequest): MetricSet[] {
  return (request.resourceMetrics ?? []).map(({ resource, scopeMetrics }) => ({
    origin: originOf(resource?.attributes),
    metrics: (scopeMetrics ?? []).flatMap(({ metrics }) => metrics ?? []).flatMap(metricOf),
  }));
}

type WireMetric = NonNullable<
  NonNullable<
    NonNullable<MetricsRequest["resourceMetrics"]>[number]["scopeMetrics"]
  >[number]["metrics"]
>[number];

function metricOf(metric: WireMetric): Metric[] {
  const { name, unit, description, gauge, sum, histogram } = metric;
  const about = {
    name: name.slice(0, MAX_TEXT),
    unit: (unit ?? "").slice(0, MAX_TEXT),
    description: (description ?? "").slice(0, MAX_TEXT),
  };
  if (histogram) {
    const cumulative = histogram.aggregationTemporality === CUMULATIVE;
    const points = (histogram.dataPoints ?? []).map((point): Point => ({
      ...headOf(point),
      value: Number(point.sum ?? 0),
      bounds: point.explicitBounds ?? [],
      buckets: (point.bucketCounts ?? []).map(numberOf),
    }));
    return [{ ...about, kind: "histogram", cumulative, points }];
  }
  const numbers = sum ?? gauge;
  if (!numbers) return [];
  const points = (numbers.dataPoints ?? []).map((point): Point => ({
    ...headOf(point),
    value: hasInt(point) ? numberOf(point.asInt!) : Number(point.asDouble ?? 0),
    bounds: [],
    buckets: [],
  }));
  // A sum that may fall is a gauge: its differences mean nothing.
  const counter = sum?.isMonotonic === true;
  const cumulative = !sum || sum.aggregationTemporality === CUMULATIVE;
  return [{ ...about, kind: counter ? "counter" : "gauge", cumulative, points }];
}

/** Protobuf's decoder has unset fields on the prototype. */
function hasInt(point: { asInt?: unknown }): boolean {
  return Object.hasOwn(point, "asInt") && point.asInt !== null && point.asInt !== undefined;
}

function headOf(
  point: { attributes?: Attributes; startTimeUnixNano?: Wide | null },
): Pick<Point, "attributes" | "start"> {
  const attributes = scalarsOf(point.attributes);
  return {
    attributes: Object.fromEntries(
      Object.entries(attributes).map(([name, value]) => [name, String(value)]),
    ),
    start: microsOf(point.startTimeUnixNano ?? 0),
  };
}

function originOf(attributes: Attributes): Origin {
  const about = scalarsOf(attributes);
  const name = String(about["service.name"] ?? "unknown").slice(0, MAX_TEXT);
  return {
    service: name.startsWith(NAME_PREFIX) ? name.slice(NAME_PREFIX.length) : name,
    instance: String(about["service.instance.id"] ?? about["process.pid"] ?? ""),
  };
}

function scalarsOf(attributes: Attributes): Record<string, Scalar> {
  const found: Record<string, Scalar> = {};
  for (const { key, value } of attributes?.slice(0, MAX_ATTRIBUTES) ?? []) {
    const scalar = value ? scalarOf(value) : undefined;
    if (scalar !== undefined && key !== "__proto__") found[key.slice(0, MAX_TEXT)] = scalar;
  }
  return found;
}

function scalarOf(
  value: NonNullable<NonNullable<Attributes>[number]["value"]>,
): Scalar | undefined {
  const own = (name: keyof typeof value) => Object.hasOwn(value, name) ? value[name] : undefined;
  const text = own("stringValue");
  if (typeof text === "string") return text.slice(0, MAX_TEXT);
  const whole = own("intValue");
  if (whole !== undefined && whole !== null) return numberOf(whole as Wide);
  const double = own("doubleValue");
  if (double !== undefined && double !== null) {
    // JSON has no NaN.
    return Number.isFinite(Number(double)) ? Number(double) : String(double);
  }
  const flag = own("boolValue");
  return typeof flag === "boolean" ? flag : undefined;
}

/** Returns a 64-bit number as exactly as a number can be. */
function numberOf(wide: Wide): number {
  if (typeof wide !== "object") return Number(wide);
  return wide.high * 2 ** 32 + (wide.low >>> 0);
}

/** Microseconds of a time in nanoseconds. A number has only 256 ns at that size. */
function microsOf(nanos: Wide): number {
  return Math.round(numberOf(nanos) / 1_000);
}

/** Returns an id in hexadecimal; empty for one that is invalid, as one of another length is. */
function idOf(id: Id | null | undefined, digits: number): string {
  if (id === null || id === undefined) return "";
  // Protobuf has ids of any length.
  if (id.length !== (typeof id === "string" ? digits : digits / 2)) return "";
  const text = typeof id === "string" ? id.toLowerCase() : toHex(id);
  return /^0*$/.test(text) ? "" : text;
}

function toHex(bytes: Uint8Array): string {
  // A view of its own class: protobufjs may return a Buffer.
  return new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength).toHex();
}
