/**
 * Lays out the spans of a trace: as a tree, each with its place on the time line. No DOM.
 *
 * @module
 */
import type { TraceSpan } from "../../../contract/telemetry/monitor_api.ts";

/** Deeper spans are drawn at this depth. */
const MAX_DEPTH = 12;

/** A span and where it is drawn. */
export interface Row {
  span: TraceSpan;
  depth: number;
  /** Where it begins and how long it is, as shares of the whole trace. */
  offset: number;
  length: number;
  /** When it begins, microseconds since the trace began. */
  after: number;
}

/** The time line of a trace. */
export interface Waterfall {
  rows: Row[];
  /** When the trace begins, microseconds since 1970, and how long it is, microseconds. */
  start: number;
  duration: number;
}

/** Returns the rows: parents before their children, siblings by their start. */
export function waterfallOf(spans: readonly TraceSpan[]): Waterfall {
  if (spans.length === 0) return { rows: [], start: 0, duration: 0 };
  const start = Math.min(...spans.map((span) => span.start));
  const end = Math.max(...spans.map((span) => span.start + span.duration));
  const duration = Math.max(1, end - start);
  const known = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string | null, TraceSpan[]>();
  for (const span of spans) {
    // The parent of some spans is not here: it was not sampled, or belongs to the caller.
    const isRoot = span.parentId === null || !known.has(span.parentId) ||
      span.parentId === span.spanId;
    const parent = isRoot ? null : span.parentId;
    const siblings = children.get(parent);
    if (siblings === undefined) children.set(parent, [span]);
    else siblings.push(span);
  }
  for (const siblings of children.values()) siblings.sort((a, b) => a.start - b.start);
  const rows: Row[] = [];
  const seen = new Set<string>();
  const visit = (span: TraceSpan, depth: number) => {
    // Spans come from the network: a circle of parents must not loop.
    if (seen.has(span.spanId)) return;
    seen.add(span.spanId);
    const after = span.start - start;
    rows.push({
      span,
      depth: Math.min(depth, MAX_DEPTH),
      offset: after / duration,
      length: span.duration / duration,
      after,
    });
    for (const child of children.get(span.spanId) ?? []) visit(child, depth + 1);
  };
  for (const root of children.get(null) ?? []) visit(root, 0);
  for (const span of spans) visit(span, 0);
  return { rows, start, duration };
}
