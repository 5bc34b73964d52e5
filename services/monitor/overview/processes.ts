/**
 * What monitor says about each process. No I/O.
 *
 * @module
 */
import type { ProcessSummary } from "../../contract/mod.ts";
import type { MetricStore, ProcessMetrics } from "../metrics/store.ts";
import { isLost, isReplaced } from "./lost.ts";
import { valueOf } from "./values.ts";

/** Above these a process is degraded, seconds. */
export const MAX_LOOP_DELAY_S = 0.2;
export const MAX_RTT_S = 0.01;

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
  const seconds = (name: Parameters<typeof valueOf>[2]) => {
    const found = value(name);
    return found === null ? null : Math.round(found * 1e6);
  };
  const transports = store.reported("hopwire.connections", process);
  const summary = {
    service: process.service,
    instance: process.instance,
    uptime: seconds("process.uptime"),
    cpu: cpuOf(store, process),
    memory: value("process.memory.usage"),
    eventLoopP99: seconds("nodejs.eventloop.delay.p99"),
    natsRtt: seconds("hopwire.nats.rtt"),
    clockOffset: seconds("hopwire.clock.offset"),
    clockError: seconds("hopwire.clock.error"),
    connections: transports.length === 0
      ? null
      : transports.reduce((sum, { last }) => sum + last, 0),
  };
  if (isLost(process, at)) {
    const silent = Math.round((at - process.lastSeen) / 1e6);
    return { ...summary, state: "lost", reason: `has exported nothing for ${silent} s` };
  }
  const reason = degradedBy(summary, value("hopwire.nats.connected"));
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

function degradedBy(
  { eventLoopP99, natsRtt }: Pick<ProcessSummary, "eventLoopP99" | "natsRtt">,
  connected: number | null,
): string | undefined {
  if (connected === 0) return "is not connected to NATS";
  if ((natsRtt ?? 0) > MAX_RTT_S * 1e6) return `NATS answers after ${ms(natsRtt!)}`;
  if ((eventLoopP99 ?? 0) > MAX_LOOP_DELAY_S * 1e6) {
    return `its event loop is late by ${ms(eventLoopP99!)} (p99)`;
  }
  return undefined;
}

/** Microseconds as text. */
export function ms(micros: number): string {
  return `${(micros / 1_000).toLocaleString("en-US", { maximumFractionDigits: 1 })} ms`;
}
