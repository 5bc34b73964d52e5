/**
 * The hops of a message: their names, and where each begins and ends. Together they tile the path, so
 * that their durations add up to the end-to-end time. Names of spans, the attribute `hop` of
 * `hopwire.hop.duration`, the page of monitor and the documentation are made from this table. No I/O.
 *
 * @module
 */

/** One hop. */
export interface HopInfo {
  /** What happened when it begins. */
  from: string;
  /** What happened when it ends. */
  to: string;
  /** Who measures it. */
  by: "client" | "gateway" | "nats-server" | "persistence" | "caller and server";
}

/** The hops, in the order in which a message takes them. */
export const HOPS = {
  "client.send": {
    from: "`send()` is called",
    to: "the frame is handed to the socket",
    by: "client",
  },
  "edge.receive": {
    from: "the gateway has read the frame",
    to: "it has handed the message to NATS, or asks a service to screen it",
    by: "gateway",
  },
  "screen": {
    from: "a gateway, the API or a service asks a service to screen the message",
    to: "it has the answer, and those to the sender's messages before it",
    by: "caller and server",
  },
  "bus.store": {
    from: "the message was handed to NATS (when many are, it first waits a millisecond for others)",
    to: "JetStream's acknowledgement is read",
    by: "gateway",
  },
  "nats.ingress": {
    from: "nats-server has received the message",
    to: "it hands it on",
    by: "nats-server",
  },
  "nats.store": {
    from: "nats-server hands the message to JetStream",
    to: "JetStream has stored it",
    by: "nats-server",
  },
  "nats.route": {
    from: "nats-server has received the message",
    to: "it has forwarded it to another server",
    by: "nats-server",
  },
  "bus.deliver": {
    from: "JetStream has stored the message",
    to: "a gateway has read it",
    by: "gateway",
  },
  "edge.queue": {
    from: "the gateway has read the message",
    to: "it writes it to the first member: ordering, repair, batching",
    by: "gateway",
  },
  "edge.fanout": {
    from: "the first member's write begins",
    to: "the last member's write is done",
    by: "gateway",
  },
  "archive.wait": {
    from: "JetStream has stored the message",
    to: "persistence begins to write its batch",
    by: "persistence",
  },
  "archive.store": {
    from: "the batch begins",
    to: "the transaction is committed",
    by: "persistence",
  },
  "auth.verify": {
    from: "a gateway asks auth to verify a token",
    to: "it has the answer",
    by: "caller and server",
  },
  "rooms.join": {
    from: "a gateway asks rooms for a grant",
    to: "it has the answer",
    by: "caller and server",
  },
  "call": {
    from: "a gateway calls a service",
    to: "it has the answer",
    by: "caller and server",
  },
  "client.receive": {
    from: "a frame arrives at the client",
    to: "its listener is called",
    by: "client",
  },
} as const satisfies Record<string, HopInfo>;

/** The name of a hop. */
export type HopName = keyof typeof HOPS;

/** The names of all hops. */
export const HOP_NAMES: readonly HopName[] = Object.keys(HOPS) as HopName[];

/**
 * The buckets of every duration, seconds: 50 us to 10 s, three in each power of ten. Percentiles that are
 * computed from them are right within one bucket.
 */
export const DURATION_BUCKETS: readonly number[] = [
  0.00005,
  0.0001,
  0.0002,
  0.0005,
  0.001,
  0.002,
  0.005,
  0.01,
  0.02,
  0.05,
  0.1,
  0.2,
  0.5,
  1,
  2,
  5,
  10,
];

/** The attributes of spans that monitor and `deno task trace` read. */
export const SPAN_ATTRIBUTES = {
  /** The {@link HopName}; spans of hops have it, other spans do not. */
  hop: "hopwire.hop",
  room: "hopwire.room",
  /** The message's seq, on hops after the message was stored. */
  seq: "hopwire.seq",
  /** How many members the message was written to, on `edge.fanout`. */
  members: "hopwire.members",
  /** True on spans of a message that was not sampled but took longer than SLOW_MESSAGE_MS. */
  slow: "hopwire.slow",
  /** True if the times of the hop were taken from the message and not measured by the exporter. */
  reconstructed: "hopwire.reconstructed",
  /**
   * True on `bus.deliver` if nats-server does not tell when it stored a message (before 2.10); the hop then
   * begins when the message was handed to NATS, and includes `bus.store`.
   */
  includesStore: "hopwire.includes_store",
  /** On the hops of nats-server: the name of the server. */
  natsServer: "hopwire.nats_server",
  /** On `nats.route`: the name of the server that the message was forwarded to. */
  natsTarget: "hopwire.nats_target",
  /** The namespace of the room: a pattern of the namespaces file, or `default`. */
  namespace: "hopwire.namespace",
} as const;

/** The namespace of rooms that no pattern of the namespaces file matches. */
export const NO_NAMESPACE = "default";
