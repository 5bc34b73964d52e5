/**
 * What every process exports about itself: CPU time, memory, the delay of its event loop, and its connection
 * to NATS.
 *
 * V8's collections of garbage are not measured here: Deno exports them as `v8js.gc.duration`. A long one also
 * shows as a delay of the event loop.
 *
 * @module
 */
import process from "node:process";
import type { Bus } from "../bus.ts";
import { observe, observeValue } from "./instruments.ts";
import { negativeHops } from "./clock.ts";

/**
 * How often the event loop's delay is measured, milliseconds. Shorter would find shorter stalls, and cost an
 * idle process more than all else it does.
 */
const LOOP_MS = 100;

/** Delays kept between two exports: a minute, when somebody exports rarely. */
const MAX_DELAYS = 600;

/** How often the round trip to NATS is measured, milliseconds. */
const RTT_MS = 10_000;

/** Exports the metrics of this process. Call it once. Returns a function that stops measuring. */
export function exportProcessMetrics(): () => void {
  observe("process.cpu.time", (report) => {
    const { user, system } = process.cpuUsage();
    report(user / 1e6, { "cpu.mode": "user" });
    report(system / 1e6, { "cpu.mode": "system" });
  });
  observeValue("process.memory.usage", () => process.memoryUsage().rss);
  observeValue("v8js.memory.heap.used", () => process.memoryUsage().heapUsed);
  observeValue("process.uptime", () => performance.now() / 1_000);
  return measureLoop();
}

/** Measures by how much a timer is late. */
function measureLoop(): () => void {
  let delays: number[] = [];
  let due = performance.now() + LOOP_MS;
  const timer = setInterval(() => {
    const now = performance.now();
    if (delays.length < MAX_DELAYS) delays.push(Math.max(0, now - due) / 1_000);
    due = now + LOOP_MS;
  }, LOOP_MS);
  let reported = [0, 0, 0];
  let reads = 0;
  /** The three gauges are read one after the other in each export. */
  const read = (index: number) => {
    if (reads++ % 3 === 0 && delays.length > 0) {
      delays.sort((a, b) => a - b);
      const at = (share: number) => delays[Math.min(delays.length - 1, share * delays.length | 0)]!;
      reported = [at(0.5), at(0.99), delays.at(-1)!];
      delays = [];
    }
    return reported[index]!;
  };
  observeValue("nodejs.eventloop.delay.p50", () => read(0));
  observeValue("nodejs.eventloop.delay.p99", () => read(1));
  observeValue("nodejs.eventloop.delay.max", () => read(2));
  return () => clearInterval(timer);
}

/** Exports the state of a process's connection to NATS. Returns a function that stops measuring. */
export function exportBusMetrics(bus: Bus): () => void {
  let rtt = NaN;
  let reconnects = 0;
  bus.onReconnect(() => reconnects++);
  bus.onDisconnect(() => rtt = NaN);
  observeValue("hopwire.nats.rtt", () => rtt);
  observeValue("hopwire.nats.connected", () => bus.connected ? 1 : 0);
  observeValue("hopwire.nats.reconnects", () => reconnects);
  observeValue("hopwire.clock.negative", negativeHops);
  const measure = async () => {
    if (!bus.connected) return;
    try {
      // In milliseconds: the client library rounds its own `rtt()`.
      const began = performance.now();
      await bus.nats.flush();
      rtt = (performance.now() - began) / 1_000;
    } catch {
      rtt = NaN;
    }
  };
  void measure();
  const timer = setInterval(measure, RTT_MS);
  return () => clearInterval(timer);
}
