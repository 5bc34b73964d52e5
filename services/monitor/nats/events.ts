/**
 * What nats-server reports about a message whose trace is recorded (2.11 and later; `msg_trace` of its
 * configuration), and the hops that follow from it. No I/O.
 *
 * @module
 */
import * as z from "zod";
import { type HopName, roomOfSubject, ROOMS_STREAMS } from "../../contract/mod.ts";
import { microsOf } from "../../kit/mod.ts";

/** Most steps of one message: one for each server and subscriber that it went to. */
const MAX_EVENTS = 1_000;

/** The kinds of a connection that lead to another server: route, gateway, leaf node. */
const TO_SERVERS: readonly number[] = [1, 2, 4];

const Micros = z.string().max(40).transform((text, context) => {
  const micros = microsOf(text);
  if (Number.isFinite(micros)) return micros;
  context.addIssue("expected a time in UTC");
  return z.NEVER;
});

/** A report. */
export const NatsReport = z.object({
  server: z.object({
    name: z.string().max(256),
    ver: z.string().max(64).optional(),
    /** When the report was made, after all that it reports. */
    time: Micros,
  }),
  request: z.object({ header: z.record(z.string(), z.array(z.string())).nullish() }),
  events: z.array(z.object({
    type: z.string(),
    ts: Micros,
    kind: z.number().optional(),
    name: z.string().optional(),
    subj: z.string().optional(),
    stream: z.string().optional(),
    subject: z.string().optional(),
    error: z.string().max(512).optional(),
  })).max(MAX_EVENTS),
});
/** A report. */
export type NatsReport = z.infer<typeof NatsReport>;

/** A hop inside nats-server. */
export interface NatsHop {
  hop: Extract<HopName, "nats.ingress" | "nats.store" | "nats.route">;
  /** Microseconds since 1970, by the server's clock. */
  from: number;
  to: number;
  failure?: string;
  /** The server that it was forwarded to. */
  target?: string;
}

/** What a report says. */
export interface NatsHops {
  traceparent: string;
  /** The server's name. */
  server: string;
  /** The room, if it was a room's message. */
  room: string | null;
  /** The first one is `nats.ingress`, which leads to the others. */
  hops: NatsHop[];
}

/** Returns what a report says; null if it is not about a message that came in with a trace. */
export function hopsOf({ server, request, events }: NatsReport): NatsHops | null {
  const traceparent = headerOf(request.header, "traceparent");
  const received = events.find(({ type }) => type === "in");
  if (traceparent === undefined || received === undefined) return null;
  const stored = events.find(({ type }) => type === "js");
  const sent = events.filter(({ type }) => type === "eg");
  const from = received.ts;
  const handedOn = Math.min(...[stored, ...sent].map((event) => event?.ts ?? Infinity));
  const hops: NatsHop[] = [{
    hop: "nats.ingress",
    from,
    to: Number.isFinite(handedOn) ? handedOn : server.time,
    ...received.error === undefined ? {} : { failure: received.error },
  }];
  if (stored !== undefined) {
    hops.push({
      hop: "nats.store",
      from: stored.ts,
      to: server.time,
      ...stored.error === undefined ? {} : { failure: stored.error },
    });
  }
  for (const { ts, kind, name, error } of sent) {
    if (!TO_SERVERS.includes(kind ?? -1)) continue;
    hops.push({
      hop: "nats.route",
      from,
      to: ts,
      ...error === undefined ? {} : { failure: error },
      ...name === undefined ? {} : { target: name },
    });
  }
  const inLog = stored?.stream !== undefined && ROOMS_STREAMS.includes(stored.stream);
  const subject = inLog ? stored?.subject : received.subj;
  return {
    traceparent,
    server: server.name,
    room: subject !== undefined && /^room\.[a-z]+\.\d+\../.test(subject)
      ? roomOfSubject(subject)
      : null,
    hops,
  };
}

function headerOf(
  headers: Record<string, string[]> | null | undefined,
  name: string,
): string | undefined {
  for (const [key, values] of Object.entries(headers ?? {})) {
    if (key.toLowerCase() === name) return values[0];
  }
  return undefined;
}
