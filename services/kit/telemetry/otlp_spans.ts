/**
 * Encodes spans as a request of OTLP, in protobuf and in JSON: opentelemetry/proto/trace/v1/trace.proto.
 * Deno exports all other spans by itself, but gives each an id of its own. No I/O.
 *
 * @module
 */
import type { Attributes } from "@opentelemetry/api";
import {
  type Bytes,
  bytes,
  concat,
  fixed64,
  jsonAttributes,
  METER,
  protobufAttributes,
  text,
  varint,
} from "./otlp_values.ts";

/** A span without a parent, whose id others know already. */
export interface RootSpan {
  /** 32 hexadecimal digits. */
  traceId: string;
  /** 16 hexadecimal digits. */
  spanId: string;
  name: string;
  /** Microseconds since 1970. */
  from: number;
  to: number;
  attributes: Attributes;
}

/** What an export says. */
export interface SpansExport {
  /** The attributes of this process. */
  resource: Attributes;
  spans: readonly RootSpan[];
}

/** SPAN_KIND_INTERNAL */
const INTERNAL = 1;

/** The flag of a trace context that is recorded. */
const SAMPLED = 1;

const nanosOf = (micros: number) => BigInt(Math.round(micros)) * 1_000n;

/** The bytes of an id. Not `Uint8Array.fromHex`, which Node lacks. */
function fromHex(digits: string): Bytes {
  return Uint8Array.from(digits.match(/../g)!, (pair) => parseInt(pair, 16));
}

/** Encodes a request in JSON. */
export function encodeSpansJson({ resource, spans }: SpansExport): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: jsonAttributes(resource) },
      scopeSpans: [{
        scope: { name: METER },
        spans: spans.map(({ traceId, spanId, name, from, to, attributes }) => ({
          traceId,
          spanId,
          flags: SAMPLED,
          name,
          kind: INTERNAL,
          startTimeUnixNano: String(nanosOf(from)),
          endTimeUnixNano: String(nanosOf(to)),
          attributes: jsonAttributes(attributes),
        })),
      }],
    }],
  });
}

/** Encodes a request in protobuf. */
export function encodeSpansProtobuf({ resource, spans }: SpansExport): Bytes {
  const span = ({ traceId, spanId, name, from, to, attributes }: RootSpan) =>
    concat([
      bytes(1, fromHex(traceId)),
      bytes(2, fromHex(spanId)),
      text(5, name),
      varint(6, INTERNAL),
      fixed64(7, nanosOf(from)),
      fixed64(8, nanosOf(to)),
      ...protobufAttributes(9, attributes),
    ]);
  const scopeSpans = concat([
    bytes(1, text(1, METER)),
    ...spans.map((one) => bytes(2, span(one))),
  ]);
  return bytes(
    1,
    concat([bytes(1, concat(protobufAttributes(1, resource))), bytes(2, scopeSpans)]),
  );
}
