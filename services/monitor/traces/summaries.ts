/**
 * What monitor says about traces: summaries of messages, whole traces, and the search for them. No I/O.
 *
 * @module
 */
import {
  MAX_LISTED_MESSAGES,
  type MessageList,
  type MessageSearch,
  type MessageSummary,
  SPAN_ATTRIBUTES,
  type Trace,
  type TraceSpan,
} from "../../contract/mod.ts";
import type { Span } from "../otlp/model.ts";
import { deliveryOf, duration, hopOf, isOfArchive, type StoredTrace } from "./store.ts";

/** Hops whose parent may be a span of the client. */
const FIRST_HOPS: ReadonlySet<string> = new Set([
  "client.send",
  "client.receive",
  "edge.receive",
  "call",
]);

/** How much earlier than its parent a hop may begin before monitor says that clocks differ. */
const CLOCK_DOUBT_US = 1_000;

/** Returns the summary of a trace that has a hop. */
export function summaryOf(trace: StoredTrace): MessageSummary {
  const { id: traceId, room, seq, start: at, slow, error } = trace;
  return {
    traceId,
    room,
    seq,
    at: Number.isFinite(at) ? at : trace.spans[0]?.start ?? 0,
    duration: Number.isFinite(at) ? duration(trace) : trace.spans[0]?.duration ?? 0,
    delivery: deliveryOf(trace),
    slowestHop: slowestHopOf(trace),
    slowestDeliveryHop: slowestHopOf(trace, (hop) => !isOfArchive(hop)),
    slow,
    error,
  };
}

function slowestHopOf({ spans }: StoredTrace, counts = (_hop: string) => true): string | null {
  let slowest: string | null = null;
  let longest = -1;
  for (const span of spans) {
    const hop = hopOf(span);
    if (hop === null || span.duration <= longest || !counts(hop)) continue;
    slowest = hop;
    longest = span.duration;
  }
  return slowest;
}

/** Returns the messages that a search finds. */
export function findMessages(traces: Iterable<StoredTrace>, search: MessageSearch): MessageList {
  const { room, seq, order, limit } = search;
  const found: StoredTrace[] = [];
  for (const trace of traces) {
    if (!trace.message || (order === "archive" && !trace.archived)) continue;
    if (room !== undefined && trace.room !== room) continue;
    if (seq !== undefined && trace.seq !== seq) continue;
    found.push(trace);
  }
  found.sort(COMPARE[order]);
  return { messages: found.slice(0, Math.min(limit, MAX_LISTED_MESSAGES)).map(summaryOf) };
}

const COMPARE: Record<MessageSearch["order"], (a: StoredTrace, b: StoredTrace) => number> = {
  // Those of which only the archive's hops are known come last.
  slow: (a, b) => (deliveryOf(b) ?? -1) - (deliveryOf(a) ?? -1),
  archive: (a, b) => duration(b) - duration(a),
  recent: (a, b) => b.start - a.start,
};

/** Returns a whole trace, its spans by start. `notes` are those that hold for every trace. */
export function traceOf(trace: StoredTrace, notes: readonly string[]): Trace {
  const spans = trace.spans.map(spanOf).sort((a, b) =>
    a.start - b.start || b.duration - a.duration
  );
  return { ...summaryOf(trace), spans, notes: [...notes, ...notesOf(trace)] };
}

function spanOf(span: Span): TraceSpan {
  const { spanId, parentId, name, start, duration, error, attributes } = span;
  const server = attributes[SPAN_ATTRIBUTES.natsServer];
  // Monitor only exports what nats-server reported.
  const { service, instance } = server === undefined
    ? span
    : { service: "nats-server", instance: String(server) };
  const hop = hopOf(span);
  return { spanId, parentId, name, hop, service, instance, start, duration, error, attributes };
}

/** Why hops of this trace are missing or uncertain. */
function notesOf(trace: StoredTrace): string[] {
  const notes: string[] = [];
  const { spans } = trace;
  if (trace.dropped > 0) {
    notes.push(`${trace.dropped} more spans of this trace were not kept.`);
  }
  if (spans.some(({ attributes }) => attributes[SPAN_ATTRIBUTES.includesStore] === true)) {
    notes.push(
      "This nats-server does not tell when it stored a message (2.10 and later do), so bus.deliver " +
        "begins when the message was handed to NATS.",
    );
  }
  if (trace.slow) {
    notes.push(
      "This message was not sampled. It took so long that its hops were exported afterwards, so some " +
        "may be missing.",
    );
  }
  const byId = new Map(spans.map((span) => [span.spanId, span]));
  const early = spans.find((span) => {
    const parent = span.parentId === null ? undefined : byId.get(span.parentId);
    // The client estimates when its hop was; the protocol says how exactly.
    return parent !== undefined && hopOf(parent) !== "client.send" &&
      parent.start - span.start > CLOCK_DOUBT_US;
  });
  if (early !== undefined) {
    notes.push(
      `${early.name} of ${early.service} seems to begin before the span that caused it: the clocks of ` +
        "the two processes differ.",
    );
  }
  // Hops below a client's own span begin the trace here: clients export no spans.
  const orphans = spans.filter((span) => {
    const { parentId } = span;
    return parentId !== null && !byId.has(parentId) && !FIRST_HOPS.has(hopOf(span) ?? "");
  });
  // Of a message that was not sampled, only hops that were slow are told.
  if (orphans.length > 0 && trace.message && !trace.slow) {
    notes.push("Some spans are missing: they were not received yet, or their process is lost.");
  }
  return notes;
}
