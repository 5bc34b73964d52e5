/**
 * The values that requests of OTLP are made of, in JSON and in protobuf. No I/O.
 *
 * @module
 */
import type { Attributes } from "@opentelemetry/api";

/** The name of the meter and of the tracer of all instruments and hops. */
export const METER = "hopwire";

/** Attributes as OTLP has them in JSON. */
export function jsonAttributes(attributes: Attributes): object[] {
  return Object.entries(attributes).map(([key, value]) => ({
    key,
    value: typeof value === "boolean"
      ? { boolValue: value }
      : typeof value !== "number"
      ? { stringValue: String(value) }
      : Number.isSafeInteger(value)
      ? { intValue: String(value) }
      : { doubleValue: value },
  }));
}

/** What protobuf is made of. */
export type Bytes = Uint8Array<ArrayBuffer>;

/** Encodes attributes, each as a field of its own. */
export function protobufAttributes(field: number, attributes: Attributes): Bytes[] {
  return Object.entries(attributes).map(([key, value]) => {
    const any = typeof value === "boolean"
      ? varint(2, Number(value))
      : typeof value !== "number"
      ? text(1, String(value))
      : Number.isSafeInteger(value) && value >= 0
      ? varint(3, value)
      : double(4, value);
    return bytes(field, concat([text(1, key), bytes(2, any)]));
  });
}

/** Wire types of protobuf. */
const [VARINT, FIXED64, LENGTH] = [0, 1, 2];

const encoder = new TextEncoder();

/** Encodes a field with text. */
export function text(field: number, value: string): Bytes {
  return bytes(field, encoder.encode(value));
}

/** Encodes a field with bytes. */
export function bytes(field: number, value: Bytes): Bytes {
  return concat([head(field, LENGTH), number(value.length), value]);
}

/** Encodes a field with a number. */
export function varint(field: number, value: number): Bytes {
  return concat([head(field, VARINT), number(value)]);
}

/** Encodes a field with a number of 64 bits. */
export function fixed64(field: number, value: bigint): Bytes {
  return concat([head(field, FIXED64), new Uint8Array(BigUint64Array.of(value).buffer)]);
}

/** Encodes a field with a fraction. */
export function double(field: number, value: number): Bytes {
  return concat([head(field, FIXED64), doubles([value])]);
}

function head(field: number, type: number): Bytes {
  return Uint8Array.of(field << 3 | type);
}

/** A number of up to 53 bits, seven bits a byte. */
function number(value: number): Bytes {
  const result: number[] = [];
  for (; value > 127; value = Math.floor(value / 128)) result.push(value % 128 | 128);
  return Uint8Array.of(...result, value);
}

// Protobuf is little-endian, as every platform is on which Deno runs.
/** Encodes fractions, without a field. */
export function doubles(values: readonly number[]): Bytes {
  return new Uint8Array(Float64Array.from(values).buffer);
}

/** Encodes numbers of 64 bits, without a field. */
export function fixed64s(values: Float64Array): Bytes {
  return new Uint8Array(BigUint64Array.from(values as unknown as number[], BigInt).buffer);
}

/** Joins parts. */
export function concat(parts: readonly Bytes[]): Bytes {
  const result = new Uint8Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    result.set(part, at);
    at += part.length;
  }
  return result;
}
