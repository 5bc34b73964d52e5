/**
 * One hop of a message as one span, and the trace context that joins the hops. With Deno's
 * exporter off (no OTEL_DENO) nothing is recorded and a client's context still travels through.
 *
 * Deno's default sampler ignores what the parent decided; services are started with
 * OTEL_TRACES_SAMPLER=parentbased_traceidratio. Which messages' traces are recorded is decided here,
 * where they begin ({@link setTraceRatio}).
 *
 * @module
 */
import {
  type Attributes,
  type Context,
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

/** The context that a `traceparent` names; the root context where there is none or it is broken. */
export function contextOf(traceparent: string | undefined): Context {
  if (traceparent === undefined || traceparent === "") return ROOT_CONTEXT;
  const context = propagation.extract(ROOT_CONTEXT, traceparent, TEXT_GETTER);
  if (trace.getSpanContext(context) !== undefined) return context;
  // Without an SDK the API's propagator does nothing; the context is still to be passed on.
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

/** The `traceparent` of a context; undefined where it has no trace. */
export function traceparentOf(context: Context): string | undefined {
  if (context instanceof UnrecordedContext) return context.traceparent;
  const spanContext = trace.getSpanContext(context);
  if (spanContext === undefined || !isSpanContextValid(spanContext)) return undefined;
  const flags = spanContext.traceFlags.toString(16).padStart(2, "0");
  return `00-${spanContext.traceId}-${spanContext.spanId}-${flags}`;
}

/** The last character of a `traceparent`: its lowest bit says whether its trace is recorded. */
export const LAST_FLAG = 54;

/** Whether a `traceparent` says that its trace is recorded. */
export function isSampled(traceparent: string | undefined): boolean {
  return traceparent !== undefined && isSampledFlag(traceparent.charCodeAt(LAST_FLAG));
}

/** The same, of the character at {@link LAST_FLAG} alone. */
export function isSampledFlag(code: number): boolean {
  // 1, 3, ... 9 are odd as characters; b, d and f, which are odd as numbers, are even.
  return code <= 57 ? (code & 1) === 1 : code > 57 && (code & 1) === 0;
}

/** A span under way. */
export interface Hop {
  /** What the next hop's parent is. */
  context: Context;
  span: Span;
  /** Ends the span; a failure is named by its code or text. */
  end(failure?: string): void;
}

/**
 * Whether spans are recorded at all: without Deno's exporter a span takes over its parent's context,
 * with it even one that is not sampled has an id of its own.
 */
const recording = (() => {
  const parent = contextOf("00-00000000000000000000000000000001-0000000000000001-00");
  const id = tracer.startSpan("", {}, parent).spanContext().spanId;
  return id !== "0000000000000001" && id !== INVALID_SPANID;
})();

/** What a hop costs that is not recorded: nothing, and the context travels on. */
const NOT_RECORDED = trace.wrapSpanContext(INVALID_SPAN_CONTEXT);
const nothing = () => {};

/** Whether a hop under this parent is recorded for certain not: its trace was not sampled. */
function unsampled(parent: Context): boolean {
  if (parent instanceof UnrecordedContext) return true;
  const spanContext = trace.getSpanContext(parent);
  return spanContext !== undefined && (spanContext.traceFlags & TraceFlags.SAMPLED) === 0;
}

let ratio = 1;

/**
 * Says which part of the traces that begin in this process is recorded, 0 to 1. The runtime's own
 * sampler decides only when a span has been made, which at 4,000 messages/s made a gateway a tenth
 * dearer, whatever its ratio; where the coin is tossed before, it is a fiftieth.
 */
export function setTraceRatio(value: number): void {
  ratio = value;
}

/** Ids of traces that are not recorded: a prefix of this process, and a number. */
const PREFIX = crypto.getRandomValues(new Uint8Array(12)).toHex();
let unrecorded = 0;

/**
 * The context of a new trace that is not recorded: whoever comes after leaves it at that. Most
 * messages have one, so it is no more than its text until somebody asks for more.
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
 * Starts a hop; where its trace is not recorded, one that costs nothing. `attributes` follow the
 * messaging conventions of OpenTelemetry; see
 * {@link natsAttributes}. `startTime` is milliseconds since 1970.
 */
export function startHop(
  name: string,
  kind: SpanKind,
  parent: Context,
  attributes: Attributes,
  startTime?: number,
): Hop {
  if (!recording || unsampled(parent)) return { context: parent, span: NOT_RECORDED, end: nothing };
  if (ratio < 1 && parent === ROOT_CONTEXT && Math.random() >= ratio) {
    return { context: new UnrecordedContext(), span: NOT_RECORDED, end: nothing };
  }
  const span = tracer.startSpan(name, { kind, attributes, startTime }, parent);
  return {
    context: trace.setSpan(parent, span),
    span,
    end(failure) {
      if (failure !== undefined) {
        span.setAttribute("error.type", failure);
        span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
      }
      span.end();
    },
  };
}

/** The attributes of a hop over NATS, by OpenTelemetry's messaging conventions. */
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
