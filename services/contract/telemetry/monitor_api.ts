/**
 * What monitor answers over HTTP, for its page and for `deno task trace`. All times are microseconds
 * since 1970, all durations microseconds. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";

const Micros = z.number().min(0);

/** Percentiles of a hop over the window, and how they developed. */
export const HopSummary = z.object({
  /** A name of HOPS, or `delivery` for the whole path. */
  hop: z.string(),
  /** How many were measured in the window. */
  count: z.number().int().min(0),
  /** Null while nothing was measured. */
  p50: Micros.nullable(),
  p95: Micros.nullable(),
  p99: Micros.nullable(),
  /** p99 for each step of the window, oldest first; null for steps without a value. */
  trend: z.array(Micros.nullable()),
  /** Share of the measurements whose outcome was an error, 0 to 1. */
  errors: z.number().min(0).max(1),
});
/** The parsed form of {@link HopSummary}. */
export type HopSummary = z.infer<typeof HopSummary>;

/** One process of the system. */
export const ProcessSummary = z.object({
  /** The service: `gateway`, `auth` ... */
  service: z.string(),
  /** Tells instances of a service apart. */
  instance: z.string(),
  /** `lost`: it has exported nothing for three intervals. */
  state: z.enum(["ok", "degraded", "lost"]),
  /** Why it is degraded or lost, for people. */
  reason: z.string().optional(),
  uptime: Micros.nullable(),
  /** Share of one core over the last interval, 0 to 1 and more. */
  cpu: z.number().min(0).nullable(),
  memory: z.number().min(0).nullable(),
  eventLoopP99: Micros.nullable(),
  natsRtt: Micros.nullable(),
  clockOffset: z.number().nullable(),
  clockError: z.number().min(0).nullable(),
  connections: z.number().int().min(0).nullable(),
});
/** The parsed form of {@link ProcessSummary}. */
export type ProcessSummary = z.infer<typeof ProcessSummary>;

/** A message as lists show it. */
export const MessageSummary = z.object({
  traceId: z.string(),
  room: z.string().nullable(),
  seq: z.number().int().nullable(),
  /** When its first hop began. */
  at: Micros,
  /** From the beginning of its first hop to the end of its last one. */
  duration: Micros,
  /** The same without the archive's hops: what users wait for. Null if only the archive's hops are known. */
  delivery: Micros.nullable(),
  /** The hop that took longest, of all and of the delivery. */
  slowestHop: z.string().nullable(),
  slowestDeliveryHop: z.string().nullable(),
  /** Reconstructed, because it was slow and not sampled. */
  slow: z.boolean(),
  error: z.string().nullable(),
});
/** The parsed form of {@link MessageSummary}. */
export type MessageSummary = z.infer<typeof MessageSummary>;

/** One span of a trace. */
export const TraceSpan = z.object({
  spanId: z.string(),
  parentId: z.string().nullable(),
  name: z.string(),
  /** The hop, if the span is one. */
  hop: z.string().nullable(),
  service: z.string(),
  instance: z.string(),
  start: Micros,
  duration: Micros,
  error: z.string().nullable(),
  attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
});
/** The parsed form of {@link TraceSpan}. */
export type TraceSpan = z.infer<typeof TraceSpan>;

/** `GET /api/traces/:traceId`: every span of one trace, by start. 404 if monitor has none. */
export const Trace = MessageSummary.extend({
  spans: z.array(TraceSpan),
  /** Why hops are missing or uncertain, for people: an old nats-server, clocks that differ ... */
  notes: z.array(z.string()),
});
/** The parsed form of {@link Trace}. */
export type Trace = z.infer<typeof Trace>;

/**
 * `GET /api/messages?room=&seq=&order=slow|archive|recent&limit=`: messages of the window. `room` and
 * `seq` filter. `slow` (the default) begins with those whose delivery took longest, `archive` with those
 * that were archived last after they began, `recent` with the newest. At most 200.
 */
export const MessageList = z.object({ messages: z.array(MessageSummary) });
/** The parsed form of {@link MessageList}. */
export type MessageList = z.infer<typeof MessageList>;

/** One condition that an operator should look at. */
export const Alert = z.object({
  name: z.string(),
  /** For people: what is wrong, with its numbers. */
  text: z.string(),
  since: Micros,
});
/** The parsed form of {@link Alert}. */
export type Alert = z.infer<typeof Alert>;

const Series = z.object({
  now: z.number().min(0),
  /** One value for each step of the window, oldest first; null for steps without a value. */
  trend: z.array(z.number().min(0).nullable()),
});

/** `GET /api/overview`: all that the page shows but single messages. */
export const Overview = z.object({
  /** When this was computed. */
  at: Micros,
  /** How long the window and one step of it are. */
  window: Micros,
  step: Micros,
  hops: z.array(HopSummary),
  /** End to end, with `hop` = `delivery`. */
  delivery: HopSummary,
  connections: Series.extend({
    peak: z.number().min(0),
    average: z.number().min(0),
    byTransport: z.record(z.string(), z.number().min(0)),
  }),
  users: z.number().min(0),
  rooms: z.number().min(0),
  /** Per second. */
  messagesIn: Series,
  messagesOut: Series,
  bytesIn: Series,
  bytesOut: Series,
  joins: Series,
  errors: Series,
  /** Since the start of the processes, by code. */
  errorsByCode: z.record(z.string(), z.number().min(0)),
  closesByCode: z.record(z.string(), z.number().min(0)),
  rateLimited: z.record(z.string(), z.number().min(0)),
  slowConsumers: z.number().min(0),
  waitingBytes: z.number().min(0),
  nats: z.object({
    version: z.string().nullable(),
    connected: z.boolean(),
    rtt: Micros.nullable(),
    /** Whether the server reports its own hops; if not, why. */
    traces: z.boolean(),
    tracesMissing: z.string().optional(),
    logMessages: z.number().min(0).nullable(),
    logBytes: z.number().min(0).nullable(),
    /** 0 to 1; null if the log has no limit. */
    logFullness: z.number().min(0).nullable(),
    archiveLag: z.number().min(0).nullable(),
  }),
  processes: z.array(ProcessSummary),
  alerts: z.array(Alert),
});
/** The parsed form of {@link Overview}. */
export type Overview = z.infer<typeof Overview>;
