/**
 * What monitor knows about NATS: its version, and whether it reports its own hops.
 *
 * @module
 */
import { type Bus, reportsTraces } from "../../kit/mod.ts";
import type { Span } from "../otlp/model.ts";
import type { NatsState } from "../overview/overview.ts";
import { hopOf } from "../traces/store.ts";

/** Messages of which none may be reported before monitor says that the server is not configured for it. */
const ENOUGH_MESSAGES = 5;

/** See the module's doc. */
export interface NatsKnowledge {
  /** Monitor is connected. */
  connected(bus: Bus): void;
  /** The server has reported on a message. */
  reported(): void;
  /** Spans were received. */
  sawSpans(spans: readonly Span[]): void;
  current(): NatsState;
  /** Why the server's hops are missing in a trace. */
  notesOn(spans: readonly Span[]): string[];
}

/** Creates the state, of a monitor that is not connected yet. */
export function createNatsState(): NatsKnowledge {
  let bus: Bus | undefined;
  let reports = false;
  /** Sampled messages that were stored since the server last reported on one. */
  let unreported = 0;

  const missing = (version: string | null): string | undefined => {
    if (version === null) return "monitor is not connected to NATS yet";
    if (!reportsTraces(version)) {
      return `nats-server ${version} does not report its hops; 2.11 and later do`;
    }
    if (reports || unreported < ENOUGH_MESSAGES) return undefined;
    return "nats-server reports nothing: its configuration has no msg_trace (see deno task nats-users --traces)";
  };
  const current = (): NatsState => {
    const version = bus?.nats.info?.version ?? null;
    const tracesMissing = missing(version);
    return {
      version,
      connected: bus?.connected ?? false,
      traces: tracesMissing === undefined,
      ...tracesMissing === undefined ? {} : { tracesMissing },
    };
  };
  return {
    current,
    connected(given) {
      bus = given;
      // It may have been replaced by another version.
      bus.onReconnect(() => {
        reports = false;
        unreported = 0;
      });
    },
    reported() {
      reports = true;
      unreported = 0;
    },
    sawSpans(spans) {
      for (const span of spans) {
        if (hopOf(span) === "bus.store" && span.error === null) unreported++;
      }
    },
    notesOn(spans) {
      const hops = spans.map(hopOf);
      const { tracesMissing } = current();
      return tracesMissing === undefined || !hops.includes("bus.store") ||
          hops.some((hop) => hop?.startsWith("nats."))
        ? []
        : [`The hops inside NATS are missing: ${tracesMissing}.`];
    },
  };
}
