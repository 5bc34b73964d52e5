/**
 * Spans of hops whose times are known only afterwards: they are made when the hop is over, so that a
 * message under way holds no span.
 *
 * @module
 */
import { type Attributes, SpanStatusCode, trace } from "@opentelemetry/api";
import { type HopName, SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import { type Context, contextOf, isSampled, SpanKind } from "../hop.ts";

const tracer = trace.getTracer("hopwire");

/** A hop that is over. */
export interface FinishedHop {
  /** Which hop it is. */
  hop: HopName;
  /** The kind of its span; internal by default. */
  kind?: SpanKind;
  /** When it began, microseconds since 1970. */
  from: number;
  /** When it ended, microseconds since 1970. */
  to: number;
  /** Attributes beside its name. */
  attributes?: Attributes;
  /** An error code, if it failed. */
  failure?: string;
}

/**
 * Exports a hop as a span below `parent`, whose trace must be recorded. Returns the context for the hops
 * after it.
 */
export function exportHop(parent: Context, finished: FinishedHop): Context {
  const { hop, kind = SpanKind.INTERNAL, from, to, attributes, failure } = finished;
  const span = tracer.startSpan(hop, {
    kind,
    startTime: from / 1_000,
    attributes: { ...attributes, [SPAN_ATTRIBUTES.hop]: hop },
  }, parent);
  if (failure !== undefined) {
    span.setAttribute("error.type", failure);
    span.setStatus({ code: SpanStatusCode.ERROR, message: failure });
  }
  span.end(Math.max(from, to) / 1_000);
  return trace.setSpan(parent, span);
}

/** How many messages a second are exported although they were not sampled, and how many at once. */
const SLOW_PER_SECOND = 5;
const SLOW_BURST = 20;

/**
 * Chooses the messages that were not sampled but took so long that they are exported nevertheless: traces
 * are kept for what goes wrong. It is bounded, because when everything is slow a few examples are enough.
 */
export class SlowMessages {
  readonly #threshold: number;
  #tokens = SLOW_BURST;
  #refilledAt = performance.now();
  /** Messages that took longer than the threshold, exported or not. */
  count = 0;

  /** `threshold` is in milliseconds; 0 exports none. */
  constructor(threshold: number) {
    this.#threshold = threshold > 0 ? threshold * 1_000 : Infinity;
  }

  /** Whether a message that took this long, in microseconds, is slow. */
  isSlow(duration: number): boolean {
    return duration > this.#threshold;
  }

  /**
   * Counts a slow message. Returns whether it may be exported: not when enough others were. Ask this first,
   * because when everything is slow it decides about every message.
   */
  admit(): boolean {
    this.count++;
    const now = performance.now();
    const refill = (now - this.#refilledAt) / 1_000 * SLOW_PER_SECOND;
    this.#tokens = Math.min(SLOW_BURST, this.#tokens + refill);
    this.#refilledAt = now;
    return this.#tokens >= 1;
  }

  /**
   * Returns the context to export the hops of an admitted message under, or null if it is recorded anyhow.
   * `traceparent` is that of the message.
   */
  take(traceparent: string | undefined): Context | null {
    if (traceparent === undefined || isSampled(traceparent)) return null;
    this.#tokens--;
    return contextOf(`${traceparent.slice(0, -2)}01`);
  }
}
