/**
 * Tracing: one span per hop of a message, and the trace context that links the hops. Without Deno's
 * exporter (no OTEL_DENO) nothing is recorded, but a client's trace context is still propagated.
 *
 * Deno's default sampler ignores the parent's sampling decision, so services are started with
 * OTEL_TRACES_SAMPLER=parentbased_traceidratio. This module decides which traces to record, where
 * they begin (see {@link setTraceRatio}).
 *
 * @module
 */
import { randomBytes } from "node:crypto";
import {
  type Attributes,
  type Context,
  createContextKey,
  INVALID_SPAN_CONTEXT,
  INVALID_SPANID,
  isSpanContextValid,
  propagation,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
} from "@opentelemetry/api";
import { HEADERS } from "../contract/mod.ts";

export { type Context, ROOT_CONTEXT, SpanKind };

const tracer = trace.getTracer("hopwire");

const TEXT_GETTER = {
  keys: () => [HEADERS.traceparent],
  get: (carrier: string, key: string) => key === HEADERS.traceparent ? carrier : undefined,
};

/**
 * Returns the context that a `traceparent` describes, or the root context if it is missing or
 * invalid.
 */
export function contextOf(traceparent: string | undefined): Context {
  if (traceparent === undefined || traceparent === "") return ROOT_CONTEXT;
  const context = propagation.extract(ROOT_CONTEXT, traceparent, TEXT_GETTER);
  if (trace.getSpanContext(context) !== undefined) return context;
  // Without an SDK the API's propagator does nothing, but the context must still be propagated.
  const parts = /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent);
  if (parts === null) return ROOT_CONTEXT;
  const spanContext = {
    traceId: parts[1]!,
    spanId: parts[2]!,
    traceFlags: parseInt(parts[3]!, 16),
    isRemote: true,
  };
  return isSpanContextValid(spanContext)
    ? trace.setSpanContext(ROOT_CONTEXT, spanContext)
    : ROOT_CONTEXT;
}

/** Returns the `traceparent` of a context, or undefined if the context has no trace. */
export function traceparentOf(context: Context): string | undefined {
  if (context instanceof UnrecordedContext) return context.traceparent;
  const spanContext = trace.getSpanContext(context);
  if (spanContext === undefined || !isSpanContextValid(spanContext)) return undefined;
  const flags = spanContext.traceFlags.toString(16).padStart(2, "0");
  return `00-${spanContext.traceId}-${spanContext.spanId}-${flags}`;
}

/** Returns the id of a context's trace, or undefined if it has none. */
export function traceIdOf(context: Context): string | undefined {
  return traceparentOf(context)?.slice(3, 35);
}

/**
 * Index of the last character of a `traceparent`. The lowest bit of that hex digit is the sampled
 * flag.
 */
export const LAST_FLAG = 54;

/** Returns whether the sampled flag of a `traceparent` is set. */
export function isSampled(traceparent: string | undefined): boolean {
  return traceparent !== undefined && isSampledFlag(traceparent.charCodeAt(LAST_FLAG));
}

/** Like {@link isSampled}, given only the code of the character at {@link LAST_FLAG}. */
export function isSampledFlag(code: number): boolean {
  // The digits 1, 3, ... 9 have odd character codes. The odd digits b, d and f have even ones.
  return code <= 57 ? (code & 1) === 1 : code > 57 && (code & 1) === 0;
}

/** A hop in progress. */
export interface Hop {
  /** The parent context for the next hop. */
  context: Context;
  /** The span; one that ignores everything if the trace is not recorded. */
  span: Span;
  /**
   * Ends the span. `failure` is an error code or text. `at` is when the hop ended, microseconds since
   * 1970; now by default.
   */
  end(failure?: string, at?: number): void;
}

/**
 * Whether this process exports telemetry: whether an exporter is present. Without Deno's exporter a span
 * copies its parent's context. With it, even an unsampled span gets an id of its own.
 */
export const TELEMETRY_ON: boolean = (() => {
  const parent = contextOf("00-00000000000000000000000000000001-0000000000000001-00");
  const id = tracer.startSpan("", {}, parent).spanContext().spanId;
  return id !== "0000000000000001" && id !== INVALID_SPANID;
})();

/** The span of every unrecorded hop. It costs nothing. */
const NOT_RECORDED = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
const nothing = () => {};

/** Returns whether the parent's trace was not sampled, so a hop under it is not recorded. */
function unsampled(parent: Context): boolean {
  if (parent instanceof UnrecordedContext) return true;
  const spanContext = trace.getSpanContext(parent);
  return spanContext !== undefined && (spanContext.traceFlags & TraceFlags.SAMPLED) === 0;
}

let ratio = 1;

/**
 * Sets the share of the traces beginning in this process that is recorded, 0 to 1. The runtime's
 * sampler only decides after a span has been created. At 4,000 messages/s this cost a gateway 10 %
 * more CPU at any ratio. Deciding before a span is created costs 2 %.
 */
export function setTraceRatio(value: number): void {
  ratio = value;
}

/** Whether the ratio chooses to record a trace that did not begin in this process. */
export function isChosen(): boolean {
  return ratio >= 1 || Math.random() < ratio;
}

/** Random bytes as hexadecimal text. Not `toHex`, which Node lacks. */
function randomHex(bytes: number): string {
  return randomBytes(bytes).toString("hex");
}

/** Not the root context, of which the ratio decides, and without a trace. */
const RECORDED_ROOT = ROOT_CONTEXT.setValue(createContextKey("hopwire.recorded"), true);

/** Returns the parent for a hop that begins a trace which is recorded whatever the ratio. */
export function recordedRoot(): Context {
  if (TELEMETRY_ON) return RECORDED_ROOT;
  // Nothing is recorded in this process, but others may.
  const ids = randomHex(24);
  return contextOf(`00-${ids.slice(0, 32)}-${ids.slice(32)}-01`);
}

/** Returns the parent for what is not worth a trace, such as a poll. */
export function unrecordedRoot(): Context {
  return TELEMETRY_ON ? new UnrecordedContext() : ROOT_CONTEXT;
}

/** Returns a `traceparent` with the sampled flag set or cleared. Its ids stay. */
export function withSampled(traceparent: string, sampled: boolean): string {
  return `${traceparent.slice(0, LAST_FLAG - 1)}${sampled ? "01" : "00"}`;
}

/** Ids of unrecorded traces consist of a random prefix per process and a counter. */
const PREFIX = randomHex(12);
let unrecorded = 0;

/**
 * The context of a new trace that is not recorded. Later hops see the cleared sampled flag and do
 * not record it either. Most messages have such a context, so it only stores its `traceparent` and
 * builds a real context on demand.
 */
class UnrecordedContext implements Context {
  readonly traceparent: string;

  constructor() {
    const traceId = PREFIX + (unrecorded++ >>> 0).toString(16).padStart(8, "0");
    this.traceparent = `00-${traceId}-${traceId.slice(16)}-00`;
  }

  #context(): Context {
    return contextOf(this.traceparent);
  }

  getValue(key: symbol): unknown {
    return this.#context().getValue(key);
  }

  setValue(key: symbol, value: unknown): Context {
    return this.#context().setValue(key, value);
  }

  deleteValue(key: symbol): Context {
    return this.#context().deleteValue(key);
  }
}

/**
 * Starts a hop under `parent`. If its trace is not recorded, the hop costs nothing. `attributes`
 * follow OpenTelemetry's messaging conventions; see {@link natsAttributes}. `from` is when the hop began,
 * microseconds since 1970; now by default.
 */
export function startHop(
  name: string,
  kind: SpanKind,
  parent: Context,
  attributes: Attributes,
  from?: number,
): Hop {
  if (!TELEMETRY_ON || unsampled(parent)) {
    return { context: parent, span: NOT_RECORDED, end: nothing };
  }
  if (ratio < 1 && parent === ROOT_CONTEXT && Math.random() >= ratio) {
    return { context: new UnrecordedContext(), span: NOT_RECORDED, end: nothing };
  }
  const startTime = from === undefined ? undefined : from / 1_000;
  const span = tracer.startSpan(name, { kind, attributes, startTime }, parent);
  return {
    context: trace.setSpan(parent, span),
    span,
    end(failure, at) {
      if (failure !== undefined) {
        span.setAttribute("error.type", failure);
        span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      }
      span.end(at === undefined ? undefined : at / 1_000);
    },
  };
}

/**
 * Returns the attributes of a hop over NATS, by OpenTelemetry's messaging conventions.
 * `destination` is the subject.
 */
export function natsAttributes(
  operation: "send" | "receive" | "process" | "settle" | "request",
  destination: string,
): Attributes {
  return {
    "messaging.system": "nats",
    "messaging.destination.name": destination,
    "messaging.operation.name": operation,
    "messaging.operation.type": operation === "request" ? "send" : operation,
  };
}
