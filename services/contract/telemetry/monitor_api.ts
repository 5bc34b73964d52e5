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
  hop: z.string().describe("A name of HOPS, or `delivery` for the whole path."),
  count: z.number().int().min(0).describe("How many were measured in the window."),
  p50: Micros.nullable().describe("Null while nothing was measured."),
  p95: Micros.nullable(),
  p99: Micros.nullable(),
  trend: z.array(Micros.nullable()).describe(
    "p99 for each step of the window, oldest first; null for steps without a value.",
  ),
  errors: z.number().min(0).max(1).describe(
    "Share of the measurements whose outcome was an error, 0 to 1.",
  ),
});
/** The parsed form of {@link HopSummary}. */
export type HopSummary = z.infer<typeof HopSummary>;

/** One process of the system. */
export const ProcessSummary = z.object({
  service: z.string().describe("The service: `gateway`, `auth` ..."),
  instance: z.string().describe("Tells instances of a service apart."),
  state: z.enum(["ok", "degraded", "lost"]).describe(
    "`lost`: it has exported nothing for three intervals.",
  ),
  reason: z.string().optional().describe("Why it is degraded or lost, for people."),
  uptime: Micros.nullable(),
  cpu: z.number().min(0).nullable().describe(
    "Share of one core over the last interval, 0 to 1 and more.",
  ),
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
  at: Micros.describe("When its first hop began."),
  duration: Micros.describe("From the beginning of its first hop to the end of its last one."),
  delivery: Micros.nullable().describe(
    "The same without the archive's hops: what users wait for. Null if only the archive's hops are known.",
  ),
  slowestHop: z.string().nullable().describe("The hop that took longest, of all."),
  slowestDeliveryHop: z.string().nullable().describe("The hop of the delivery that took longest."),
  slow: z.boolean().describe("Reconstructed, because it was slow and not sampled."),
  error: z.string().nullable(),
});
/** The parsed form of {@link MessageSummary}. */
export type MessageSummary = z.infer<typeof MessageSummary>;

/** One span of a trace. */
export const TraceSpan = z.object({
  spanId: z.string(),
  parentId: z.string().nullable(),
  name: z.string(),
  hop: z.string().nullable().describe("The hop, if the span is one."),
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
  notes: z.array(z.string()).describe(
    "Why hops are missing or uncertain, for people: an old nats-server, clocks that differ ...",
  ),
});
/** The parsed form of {@link Trace}. */
export type Trace = z.infer<typeof Trace>;

/** Most messages of one {@link MessageList}. */
export const MAX_LISTED_MESSAGES = 200;

const whole = z.string().regex(/^\d{1,15}$/, "expected a whole number").transform(Number);

/** The query of `GET /api/messages`. An empty value counts as none. */
export const MessageSearch = z.object({
  room: z.string().max(512).optional().describe("Only messages of this room."),
  seq: whole.pipe(z.int().min(0).max(1e15 - 1)).optional().describe("Only messages with this seq."),
  order: z.enum(["slow", "archive", "recent"]).default("slow").describe(
    "`slow` begins with those whose delivery took longest, `archive` with those that were archived " +
      "last after they began, `recent` with the newest.",
  ),
  limit: whole.pipe(z.int().min(1).max(MAX_LISTED_MESSAGES)).default(MAX_LISTED_MESSAGES).describe(
    "Most messages of the answer.",
  ),
});
/** The parsed form of {@link MessageSearch}. */
export type MessageSearch = z.infer<typeof MessageSearch>;

/** What a refused request to monitor is answered with. */
export const MonitorRefusal = z.object({
  error: z.string().describe("What is wrong, for people."),
});
/** The parsed form of {@link MonitorRefusal}. */
export type MonitorRefusal = z.infer<typeof MonitorRefusal>;

/** `GET /api/messages`: messages of the window. {@link MessageSearch} is its query. */
export const MessageList = z.object({ messages: z.array(MessageSummary) });
/** The parsed form of {@link MessageList}. */
export type MessageList = z.infer<typeof MessageList>;

/** One condition that an operator should look at. */
export const Alert = z.object({
  name: z.string(),
  text: z.string().describe("For people: what is wrong, with its numbers."),
  since: Micros,
});
/** The parsed form of {@link Alert}. */
export type Alert = z.infer<typeof Alert>;

const Series = z.object({
  now: z.number().min(0),
  trend: z.array(z.number().min(0).nullable()).describe(
    "One value for each step of the window, oldest first; null for steps without a value.",
  ),
});

const PerSecond = Series.describe("Per second.");

/** `GET /api/overview`: all that the page shows but single messages. */
export const Overview = z.object({
  at: Micros.describe("When this was computed."),
  window: Micros.describe("How long the window is."),
  step: Micros.describe("How long one step of it is."),
  hops: z.array(HopSummary),
  delivery: HopSummary.describe("End to end, with `hop` = `delivery`."),
  connections: Series.extend({
    peak: z.number().min(0),
    average: z.number().min(0),
    byTransport: z.record(z.string(), z.number().min(0)),
  }),
  users: z.number().min(0),
  rooms: z.number().min(0),
  messagesIn: PerSecond,
  messagesOut: PerSecond,
  bytesIn: PerSecond,
  bytesOut: PerSecond,
  joins: PerSecond,
  errors: PerSecond,
  errorsByCode: z.record(z.string(), z.number().min(0)).describe(
    "Since the start of the processes, by code.",
  ),
  closesByCode: z.record(z.string(), z.number().min(0)),
  rateLimited: z.record(z.string(), z.number().min(0)),
  slowConsumers: z.number().min(0),
  waitingBytes: z.number().min(0),
  nats: z.object({
    version: z.string().nullable(),
    connected: z.boolean(),
    rtt: Micros.nullable(),
    traces: z.boolean().describe("Whether the server reports its own hops; if not, why."),
    tracesMissing: z.string().optional(),
    logMessages: z.number().min(0).nullable(),
    logBytes: z.number().min(0).nullable(),
    logFullness: z.number().min(0).nullable().describe("0 to 1; null if the log has no limit."),
    archiveLag: z.number().min(0).nullable(),
  }),
  processes: z.array(ProcessSummary),
  alerts: z.array(Alert),
});
/** The parsed form of {@link Overview}. */
export type Overview = z.infer<typeof Overview>;
