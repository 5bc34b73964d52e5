/**
 * The traces of the window. It is bounded in number and bytes: the oldest go first, but the slowest
 * messages and those with errors stay longer. No I/O.
 *
 * @module
 */
import { HOPS, SPAN_ATTRIBUTES } from "../../contract/mod.ts";
import type { Span } from "../otlp/model.ts";

/** Most spans of one trace that are kept. A message to 64 gateways has about 200. */
const MAX_SPANS = 1_000;

/** Traces without a hop, such as those of health checks, that may wait for their first one. */
const MAX_WITHOUT_HOP = 1_000;

/** Traces that stay longer: the slowest messages, and the last ones with an error. */
const KEPT_SLOW = 200;
const KEPT_FAILED = 200;
/** For how many windows those stay. */
const KEPT_WINDOWS = 6;
/** Share of the bytes that they may take. */
const KEPT_SHARE = 0.25;

/** What a span costs beside its text, bytes. Measured: 600 to 900. */
const SPAN_BYTES = 600;

/** The hops that a trace has which is of no message. All have those of nats-server. */
const NOT_OF_MESSAGES = /^(auth\.verify|rooms\.join|call|nats\..*)$/;

/** One trace. */
export interface StoredTrace {
  readonly id: string;
  readonly spans: Span[];
  /** Spans that were not kept. */
  dropped: number;
  bytes: number;
  /** Whether it is that of a message: it has one of its hops. */
  message: boolean;
  /** Whether it has a hop outside of nats-server, which also reports on the services' own requests. */
  hops: boolean;
  /** From the beginning of its first hop to the end of its last one, microseconds since 1970. */
  start: number;
  end: number;
  /** From the beginning of its first hop to the end of its last one that is not the archive's. */
  delivered: { start: number; end: number };
  /** Whether it has a hop of the archive. */
  archived: boolean;
  room: string | null;
  seq: number | null;
  error: string | null;
  slow: boolean;
  /** When its last span arrived, microseconds since 1970. */
  updated: number;
}

/** The traces. */
export interface TraceStore {
  /** Adds spans, in any order. Returns how many were not kept. */
  add(spans: readonly Span[]): number;
  get(id: string): StoredTrace | undefined;
  /** Every trace that has a hop. */
  all(): Iterable<StoredTrace>;
  readonly size: number;
  readonly bytes: number;
}

/** Options of {@link createTraceStore}. */
export interface TraceStoreOptions {
  maxTraces: number;
  maxBytes: number;
  windowUs: number;
  /** Microseconds since 1970. */
  now: () => number;
}

/** Creates a store. */
export function createTraceStore(options: TraceStoreOptions): TraceStore {
  const { maxTraces, maxBytes, windowUs, now } = options;
  /** By id, the oldest first. */
  const recent = new Map<string, StoredTrace>();
  const waiting = new Map<string, StoredTrace>();
  const slow = new Map<string, StoredTrace>();
  const failed = new Map<string, StoredTrace>();
  let bytes = 0;
  let keptBytes = 0;

  const get = (id: string) => recent.get(id) ?? waiting.get(id) ?? slow.get(id) ?? failed.get(id);

  const discard = (kept: Map<string, StoredTrace>, trace: StoredTrace) => {
    kept.delete(trace.id);
    keptBytes -= trace.bytes;
    bytes -= trace.bytes;
  };
  /** Moves a trace that leaves the window to those that stay longer, if it is one. */
  const leave = (trace: StoredTrace) => {
    recent.delete(trace.id);
    const [kept, most] = trace.error !== null ? [failed, KEPT_FAILED] : [slow, KEPT_SLOW];
    if (trace.message && keptBytes + trace.bytes <= maxBytes * KEPT_SHARE) {
      if (kept.size >= most) {
        const least = trace.error !== null ? kept.values().next().value! : fastestOf(kept);
        if (trace.error !== null || slowness(least) < slowness(trace)) discard(kept, least);
      }
      if (kept.size < most) {
        keptBytes += trace.bytes;
        return void kept.set(trace.id, trace);
      }
    }
    bytes -= trace.bytes;
  };
  const trim = () => {
    const oldest = now() - windowUs;
    for (const kept of [slow, failed]) {
      for (const trace of kept.values()) {
        const old = trace.updated < now() - KEPT_WINDOWS * windowUs;
        // Late spans may have made them larger than they may be.
        if (old || keptBytes > maxBytes * KEPT_SHARE) discard(kept, trace);
      }
    }
    for (const trace of waiting.values()) {
      if (waiting.size <= MAX_WITHOUT_HOP && trace.updated >= oldest && bytes <= maxBytes) break;
      waiting.delete(trace.id);
      bytes -= trace.bytes;
    }
    for (const trace of recent.values()) {
      const full = recent.size + slow.size + failed.size > maxTraces || bytes > maxBytes;
      if (!full && trace.updated >= oldest) break;
      leave(trace);
    }
  };

  return {
    get,
    *all() {
      yield* slow.values();
      yield* failed.values();
      yield* recent.values();
    },
    get size() {
      return recent.size + waiting.size + slow.size + failed.size;
    },
    get bytes() {
      return bytes;
    },
    add(spans) {
      let dropped = 0;
      for (const span of spans) {
        let trace = get(span.traceId);
        if (trace === undefined) {
          trace = createTrace(span.traceId);
          waiting.set(trace.id, trace);
        }
        const before = trace.bytes;
        if (!addSpan(trace, span, now())) dropped++;
        bytes += trace.bytes - before;
        if (slow.has(trace.id) || failed.has(trace.id)) keptBytes += trace.bytes - before;
        if (trace.hops && waiting.delete(trace.id)) recent.set(trace.id, trace);
      }
      trim();
      return dropped;
    },
  };
}

function createTrace(id: string): StoredTrace {
  return {
    id,
    spans: [],
    dropped: 0,
    bytes: 0,
    message: false,
    hops: false,
    start: Infinity,
    end: -Infinity,
    delivered: { start: Infinity, end: -Infinity },
    archived: false,
    room: null,
    seq: null,
    error: null,
    slow: false,
    updated: 0,
  };
}

/** Adds a span. Returns whether it was kept. A span that arrives twice counts once. */
function addSpan(trace: StoredTrace, span: Span, at: number): boolean {
  trace.updated = at;
  if (trace.spans.some(({ spanId }) => spanId === span.spanId)) return true;
  if (trace.spans.length >= MAX_SPANS) {
    trace.dropped++;
    return false;
  }
  trace.spans.push(span);
  trace.bytes += bytesOf(span);
  const { attributes } = span;
  const room = attributes[SPAN_ATTRIBUTES.room];
  const seq = attributes[SPAN_ATTRIBUTES.seq];
  if (typeof room === "string") trace.room ??= room;
  if (typeof seq === "number") trace.seq ??= seq;
  if (attributes[SPAN_ATTRIBUTES.slow] === true) trace.slow = true;
  trace.error ??= span.error;
  const hop = hopOf(span);
  if (hop !== null) {
    trace.hops ||= !hop.startsWith("nats.");
    trace.message ||= !NOT_OF_MESSAGES.test(hop);
    extend(trace, span);
    if (isOfArchive(hop)) trace.archived = true;
    else extend(trace.delivered, span);
  }
  return true;
}

function extend(time: { start: number; end: number }, { start, duration }: Span): void {
  time.start = Math.min(time.start, start);
  time.end = Math.max(time.end, start + duration);
}

/** Whether a hop is one of the archive, which no member waits for. */
export function isOfArchive(hop: string): boolean {
  return hop.startsWith("archive.");
}

/** Returns the hop that a span is of; null if it is of none. */
export function hopOf(span: Span): string | null {
  const hop = span.attributes[SPAN_ATTRIBUTES.hop];
  return typeof hop === "string" && Object.hasOwn(HOPS, hop) ? hop : null;
}

/** How long a trace took from its first hop to its last, microseconds. */
export function duration(trace: StoredTrace): number {
  return Math.max(0, trace.end - trace.start);
}

/** How long its delivery took, microseconds; null if only hops of the archive are known. */
export function deliveryOf({ delivered: { start, end } }: StoredTrace): number | null {
  return end < start ? null : end - start;
}

/** How slow a message was for its members; if nothing is known of that, for the archive. */
function slowness(trace: StoredTrace): number {
  return deliveryOf(trace) ?? duration(trace);
}

function fastestOf(traces: Map<string, StoredTrace>): StoredTrace {
  return [...traces.values()].reduce((a, b) => slowness(b) < slowness(a) ? b : a);
}

/** About how many bytes a span takes. Ids and the names of attributes are shared or short. */
function bytesOf(span: Span): number {
  let bytes = SPAN_BYTES + span.name.length + (span.error?.length ?? 0);
  for (const [name, value] of Object.entries(span.attributes)) {
    bytes += 16 + name.length + (typeof value === "string" ? value.length : 8);
  }
  return bytes;
}
