/**
 * What monitor says about each process. No I/O.
 *
 * @module
 */
import type { ProcessSummary } from "../../contract/mod.ts";
import type { MetricStore, ProcessMetrics } from "../metrics/store.ts";
import { isLost, isReplaced } from "./lost.ts";
import { lastSteps } from "./hops.ts";
import { valueOf } from "./values.ts";

/** Above these a process is degraded, seconds. */
const MAX_LOOP_DELAY_S = 0.2;
const MAX_RTT_S = 0.01;

/** A process that has just started is busy with loading its code, microseconds. */
const STARTED_US = 30_000_000;

/** What a process's event loop and its connection to NATS are judged by, microseconds. */
const LOOP_LOOK_BACK_US = 10_000_000;
const RTT_LOOK_BACK_US = 30_000_000;

/** Returns a summary of each process; of those that were replaced, none. */
export function processSummaries(store: MetricStore): ProcessSummary[] {
  const at = store.now();
  const all = store.processes();
  return all.filter((process) => !isReplaced(process, all, at))
    .map((process) => summaryOf(store, process, at))
    .sort((a, b) => a.service.localeCompare(b.service) || a.instance.localeCompare(b.instance));
}

function summaryOf(store: MetricStore, process: ProcessMetrics, at: number): ProcessSummary {
  const value = (name: Parameters<typeof valueOf>[2]) => valueOf(store, process, name);
  const seconds = (name: Parameters<typeof valueOf>[2]) => micros(value(name));
  const transports = store.reported("hopwire.connections", process);
  const summary = {
    service: process.service,
    instance: process.instance,
    uptime: seconds("process.uptime"),
    cpu: cpuOf(store, process),
    memory: value("process.memory.usage"),
    eventLoopP99: micros(extreme(store, process, "nodejs.eventloop.delay.p99", LOOP_LOOK_BACK_US)),
    natsRtt: seconds("hopwire.nats.rtt"),
    clockOffset: seconds("hopwire.clock.offset"),
    clockError: seconds("hopwire.clock.error"),
    connections: transports.length === 0
      ? null
      : transports.reduce((sum, { last }) => sum + last, 0),
  };
  if (isLost(process, at)) {
    const since = new Date(process.lastSeen / 1_000).toISOString().slice(11, 19);
    return { ...summary, state: "lost", reason: `has exported nothing since ${since} UTC` };
  }
  const reason = degradedBy(summary, leastRtt(store, process), value("hopwire.nats.connected"));
  return reason === undefined
    ? { ...summary, state: "ok" }
    : { ...summary, state: "degraded", reason };
}

/** The share of a core that the process used between its last two exports. */
function cpuOf(store: MetricStore, process: ProcessMetrics): number | null {
  const series = store.series("process.cpu.time", process);
  // Its first export tells no rate.
  if (series.length === 0 || process.interval === 0) return null;
  return series.reduce((sum, { rate }) => sum + rate, 0);
}

/** The greatest value of a gauge of late: a stall is over before anybody looks. */
function extreme(
  store: MetricStore,
  process: ProcessMetrics,
  name: Parameters<typeof valueOf>[2],
  lookBackUs: number,
): number | null {
  const [series] = store.reported(name, process);
  if (series === undefined) return null;
  const steps = lastSteps(store, 1 + Math.ceil(lookBackUs / store.step));
  return Math.max(...steps.map((step) => series.most.get(step) ?? 0));
}

/**
 * The shortest round trip to NATS of late, seconds; 0 if there was only one. One that is long may be due to
 * the process itself.
 */
function leastRtt(store: MetricStore, process: ProcessMetrics): number {
  const [series] = store.reported("hopwire.nats.rtt", process);
  if (series === undefined) return 0;
  const values = lastSteps(store, 1 + Math.ceil(RTT_LOOK_BACK_US / store.step))
    .map((step) => series.least.get(step)).filter((value) => value !== undefined);
  return values.length < 2 ? 0 : Math.min(...values);
}

function degradedBy(
  { eventLoopP99, uptime }: Pick<ProcessSummary, "eventLoopP99" | "uptime">,
  rtt: number,
  connected: number | null,
): string | undefined {
  if (connected === 0) return "it is not connected to NATS";
  if (rtt > MAX_RTT_S) return `NATS answers it after ${ms(rtt * 1e6)} and more`;
  if ((eventLoopP99 ?? 0) > MAX_LOOP_DELAY_S * 1e6 && (uptime ?? Infinity) > STARTED_US) {
    return `its event loop is late by ${ms(eventLoopP99!)} (p99)`;
  }
  return undefined;
}

function micros(seconds: number | null): number | null {
  return seconds === null ? null : Math.round(seconds * 1e6);
}

/** Microseconds as text. */
export function ms(micros: number): string {
  return `${(micros / 1_000).toLocaleString("en-US", { maximumFractionDigits: 1 })} ms`;
}
