/**
 * Answers the questions of ADR-32 about this process: who it is, which endpoints it serves, and how they
 * fare. `nats micro ls`, `info` and `stats` show what this answers.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import {
  ERROR_NUMBERS,
  type Fault,
  isInbox,
  MICRO_VERBS,
  type MicroInfo,
  type MicroPing,
  type MicroStats,
  type MicroVerb,
  VERSION,
} from "../../contract/mod.ts";
import type { Bus } from "../bus.ts";

/** What one endpoint has done. */
export interface EndpointStats {
  /** Counts an answered request that took this long, milliseconds; `refusal` if it was refused. */
  answered(milliseconds: number, refusal?: Fault): void;
}

class ServedEndpoint implements EndpointStats {
  readonly subject: string;
  readonly queue: string;
  requests = 0;
  errors = 0;
  lastError = "";
  nanoseconds = 0;

  constructor(subject: string, queue: string) {
    this.subject = subject;
    this.queue = queue;
  }

  answered(milliseconds: number, refusal?: Fault): void {
    this.requests++;
    this.nanoseconds += Math.round(milliseconds * 1e6);
    if (refusal === undefined) return;
    this.errors++;
    this.lastError = `${ERROR_NUMBERS[refusal.code]}:${refusal.message}`;
  }

  get about(): { name: string; subject: string; queue_group: string } {
    const { subject, queue } = this;
    return { name: subject.replaceAll(/[^A-Za-z0-9_-]+/g, "-"), subject, queue_group: queue };
  }
}

const endpoints = new WeakMap<Bus, Set<ServedEndpoint>>();

function endpointsOf(bus: Bus): Set<ServedEndpoint> {
  let served = endpoints.get(bus);
  if (served === undefined) endpoints.set(bus, served = new Set());
  return served;
}

/** Adds an endpoint to those that this process tells of. `forget` removes it. */
export function addEndpoint(
  bus: Bus,
  subject: string,
  queue: string,
): EndpointStats & { forget(): void } {
  const served = endpointsOf(bus);
  const one = new ServedEndpoint(subject, queue);
  served.add(one);
  return {
    answered: (milliseconds, refusal) => one.answered(milliseconds, refusal),
    forget: () => void served.delete(one),
  };
}

/** What a service says about itself. */
export interface ServiceDescription {
  /** Its name: `A-Z a-z 0-9 _ -`. */
  name: string;
  /** One sentence. */
  description: string;
  /** By SemVer; Hopwire's own by default. */
  version?: string;
  /** Anything else. */
  metadata?: Record<string, string>;
}

/** Answers questions about this process. Returns a function that stops. */
export function announceService(bus: Bus, service: ServiceDescription): () => void {
  const { name, description, version = VERSION, metadata = {} } = service;
  const id = crypto.randomUUID().replaceAll("-", "").slice(0, 22);
  const started = new Date().toISOString();
  const about = { name, id, version, metadata };

  const answers: Record<MicroVerb, () => MicroPing | MicroInfo | MicroStats> = {
    PING: () => ({ type: "io.nats.micro.v1.ping_response", ...about }),
    INFO: () => ({
      type: "io.nats.micro.v1.info_response",
      ...about,
      description,
      endpoints: [...endpointsOf(bus)].map((one) => ({ ...one.about, metadata: {} })),
    }),
    STATS: () => ({
      type: "io.nats.micro.v1.stats_response",
      ...about,
      started,
      endpoints: [...endpointsOf(bus)].map((one) => ({
        ...one.about,
        num_requests: one.requests,
        num_errors: one.errors,
        last_error: one.lastError,
        processing_time: one.nanoseconds,
        average_processing_time: Math.round(one.nanoseconds / Math.max(1, one.requests)),
      })),
    }),
  };

  const subscriptions: Subscription[] = [];
  for (const verb of MICRO_VERBS) {
    const answer = (error: Error | null, message: Msg) => {
      if (error !== null || !isInbox(message.reply)) return;
      message.respond(JSON.stringify(answers[verb]()));
    };
    const subject = `$SRV.${verb}`;
    for (const asked of [subject, `${subject}.${name}`, `${subject}.${name}.${id}`]) {
      subscriptions.push(bus.nats.subscribe(asked, { callback: answer }));
    }
  }
  return () => {
    for (const subscription of subscriptions) subscription.unsubscribe();
  };
}
