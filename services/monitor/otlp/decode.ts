/**
 * Decodes the body of an OTLP request in either encoding.
 *
 * @module
 */
import type * as z from "zod";
import { errorText } from "../../kit/mod.ts";
import type { MetricSet, Span } from "./model.ts";
import { metricsOf, spansOf } from "./normalize.ts";
import { checkLogs, decodeMetrics, decodeTraces } from "./protobuf.ts";
import { LogsRequest, MetricsRequest, TraceRequest } from "./wire.ts";

/** What a request carries; the last part of its path. */
export type Signal = "traces" | "metrics" | "logs";

/** How a body is encoded. */
export type Encoding = "protobuf" | "json";

/** A body is not what it should be. The message says what is wrong with it. */
export class DecodeError extends Error {
  override name = "DecodeError";
}

/** What a request held. */
export interface Decoded {
  spans?: Span[];
  metrics?: MetricSet[];
}

/** Returns how a body of this content type is encoded; undefined if it is neither of the two. */
export function encodingOf(contentType: string | undefined): Encoding | undefined {
  const [type] = (contentType ?? "").trim().toLowerCase().split(/\s*;/);
  if (type === "application/x-protobuf") return "protobuf";
  return type === "application/json" ? "json" : undefined;
}

/**
 * Decodes a body.
 *
 * @throws {DecodeError} if it is not a request of that kind
 */
export function decode(signal: Signal, encoding: Encoding, body: Uint8Array<ArrayBuffer>): Decoded {
  const from = encoding === "json" ? fromJson : fromProtobuf;
  switch (signal) {
    case "traces":
      return { spans: spansOf(from(body, TraceRequest, decodeTraces)) };
    case "metrics":
      return { metrics: metricsOf(from(body, MetricsRequest, decodeMetrics)) };
    case "logs":
      from<unknown>(body, LogsRequest, checkLogs);
      return {};
  }
}

function fromJson<T>(body: Uint8Array<ArrayBuffer>, schema: z.ZodType): T {
  let content: unknown;
  try {
    content = JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(body));
  } catch (error) {
    throw new DecodeError(`the body is not JSON: ${errorText(error)}`);
  }
  const parsed = schema.safeParse(content);
  if (parsed.success) return parsed.data as T;
  const { path, message } = parsed.error.issues[0]!;
  throw new DecodeError(`${path.join(".") || "the body"}: ${message}`);
}

function fromProtobuf<T>(
  body: Uint8Array<ArrayBuffer>,
  _schema: z.ZodType,
  decodeBody: (body: Uint8Array) => T,
): T {
  try {
    return decodeBody(body);
  } catch (error) {
    throw new DecodeError(`the body is not a request of OTLP: ${errorText(error)}`);
  }
}
