/**
 * Decodes OTLP's protobuf with protobufjs, from the definitions that OpenTelemetry publishes
 * (opentelemetry-proto 1.9.0, Apache-2.0), which are kept as protobufjs's JSON in
 * opentelemetry_proto.json.
 *
 * @module
 */
import protobuf from "protobufjs/light.js";
import definitions from "./opentelemetry_proto.json" with { type: "json" };
import type { MetricsRequest, TraceRequest } from "./wire.ts";

const root = protobuf.Root.fromJSON(definitions);
const typeOf = (name: string) => root.lookupType(`opentelemetry.proto.collector.${name}`);

const traces = typeOf("trace.v1.ExportTraceServiceRequest");
const metrics = typeOf("metrics.v1.ExportMetricsServiceRequest");
const logs = typeOf("logs.v1.ExportLogsServiceRequest");

/** Decodes an `ExportTraceServiceRequest`. Throws if the bytes are not one. */
export function decodeTraces(body: Uint8Array): TraceRequest {
  return traces.decode(body) as unknown as TraceRequest;
}

/** Decodes an `ExportMetricsServiceRequest`. Throws if the bytes are not one. */
export function decodeMetrics(body: Uint8Array): MetricsRequest {
  return metrics.decode(body) as unknown as MetricsRequest;
}

/** Throws if the bytes are no `ExportLogsServiceRequest`. */
export function checkLogs(body: Uint8Array): void {
  logs.decode(body);
}

const status = new protobuf.Type("Status")
  .add(new protobuf.Field("code", 1, "int32"))
  .add(new protobuf.Field("message", 2, "string"));

/** Encodes a `google.rpc.Status`, with which OTLP answers what it refuses. */
export function encodeStatus(code: number, message: string): Uint8Array<ArrayBuffer> {
  return new Uint8Array(status.encode({ code, message }).finish());
}

/** Encodes a request, for tests. `signal` is `traces`, `metrics` or `logs`. */
export function encodeRequest(
  signal: "traces" | "metrics" | "logs",
  content: object,
): Uint8Array<ArrayBuffer> {
  const type = { traces, metrics, logs }[signal];
  return new Uint8Array(type.encode(type.fromObject(content)).finish());
}
