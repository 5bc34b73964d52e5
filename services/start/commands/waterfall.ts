/**
 * Draws a trace as a waterfall for a terminal: one line for each span, below the span that caused it. No
 * I/O.
 *
 * @module
 */
import type { Trace, TraceSpan } from "../../contract/mod.ts";

/** The narrowest bar that still shows something, columns. */
const MIN_BAR = 10;

/** How deep spans are indented, columns. */
const INDENT = 2;
const MAX_DEPTH = 8;

/** Eighths of a column. */
const PARTS = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"];

interface Row {
  name: string;
  service: string;
  start: string;
  duration: string;
  span: TraceSpan;
}

/** Returns the text. `columns` is the width of the terminal. */
export function waterfall(trace: Trace, columns: number): string {
  const rows = inOrder(trace.spans).map(([span, depth]): Row => ({
    name: " ".repeat(INDENT * Math.min(depth, MAX_DEPTH)) + (span.hop ?? span.name),
    service: span.instance === "" || span.instance.startsWith(span.service)
      ? span.instance || span.service
      : span.service,
    start: `+${time(span.start - beginOf(trace))}`,
    duration: time(span.duration),
    span,
  }));
  const head = { name: "hop", service: "process", start: "start", duration: "duration" };
  const width = (key: keyof typeof head) =>
    Math.max(head[key].length, ...rows.map((row) => row[key].length));
  const line = ({ name, service, start, duration }: typeof head, rest: string) =>
    [
      name.padEnd(width("name")),
      service.padEnd(width("service")),
      start.padStart(width("start")),
      duration.padStart(width("duration")),
      rest,
    ].join("  ").trimEnd();
  const left = line(head, "").length + 4;
  const bar = barOf(trace, Math.max(MIN_BAR, columns - left));
  return [
    titleOf(trace),
    "",
    line(head, ""),
    ...rows.map((row) => line(row, bar(row.span) + remarkOf(row.span))),
    ...trace.notes.length === 0 ? [] : ["", ...trace.notes.map((note) => `Note: ${note}`)],
  ].join("\n");
}

function titleOf({ traceId, room, seq, duration, slowestHop, slow, error, at }: Trace): string {
  const what = room === null ? "trace" : seq === null ? room : `${room} ${seq}`;
  return [
    `${what}  ${new Date(at / 1_000).toISOString()}  trace ${traceId}`,
    `${time(duration)} in all` +
    (slowestHop === null ? "" : `, the longest hop is ${slowestHop}`) +
    (slow ? ", not sampled but slow" : "") +
    (error === null ? "" : `, failed: ${error}`),
  ].join("\n");
}

/** Something of a span that a bar does not show. */
function remarkOf({ error, attributes }: TraceSpan): string {
  const members = attributes["hopwire.members"];
  return [
    error === null ? "" : `  failed: ${error}`,
    members === undefined ? "" : `  ${members} ${members === 1 ? "member" : "members"}`,
    attributes["hopwire.includes_store"] === true ? "  includes bus.store" : "",
  ].join("");
}

/** The spans, each below its parent, with their depths. */
function inOrder(spans: readonly TraceSpan[]): [TraceSpan, depth: number][] {
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string | null, TraceSpan[]>();
  for (const span of spans) {
    const parent = span.parentId !== null && ids.has(span.parentId) ? span.parentId : null;
    children.set(parent, [...children.get(parent) ?? [], span]);
  }
  const found: [TraceSpan, number][] = [];
  const seen = new Set<string>();
  const visit = (parent: string | null, depth: number) => {
    for (const span of children.get(parent) ?? []) {
      if (seen.has(span.spanId)) continue;
      seen.add(span.spanId);
      found.push([span, depth]);
      visit(span.spanId, depth + 1);
    }
  };
  visit(null, 0);
  // Who names itself as an ancestor has no beginning.
  return [
    ...found,
    ...spans.filter(({ spanId }) => !seen.has(spanId)).map((s) => [s, 0] as [TraceSpan, 0]),
  ];
}

function beginOf({ spans }: Trace): number {
  return Math.min(...spans.map(({ start }) => start));
}

/** Returns what draws the bar of a span, `width` columns wide. */
function barOf(trace: Trace, width: number): (span: TraceSpan) => string {
  const begin = beginOf(trace);
  const all = Math.max(1, ...trace.spans.map(({ start, duration }) => start + duration - begin));
  return ({ start, duration }) => {
    const from = Math.min(width - 1, Math.floor((start - begin) / all * width));
    const eighths = Math.max(1, Math.round(duration / all * width * 8));
    const full = Math.min(width - from, Math.floor(eighths / 8));
    const part = from + full < width ? PARTS[eighths % 8]! : "";
    return " ".repeat(from) + "█".repeat(full) + part;
  };
}

/** A duration in microseconds as text. */
function time(micros: number): string {
  const ms = micros / 1_000;
  if (Math.abs(ms) < 1_000) return `${ms.toFixed(2)} ms`;
  return `${(ms / 1_000).toFixed(2)} s`;
}
