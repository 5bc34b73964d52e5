/** What the overview says, and its alerts: each condition appears and goes again. */
import assert from "node:assert/strict";
import { DURATION_BUCKETS, type MetricName, METRICS, Overview } from "../../contract/mod.ts";
import { createMetricStore } from "../metrics/store.ts";
import type { Point } from "../otlp/model.ts";
import { followAlerts } from "./alerts.ts";
import { clockNotes } from "./clock_notes.ts";
import { overviewOf } from "./overview.ts";

const START = 1_795_630_700_000_000;
const EXPORT_S = 2;

type Values = Partial<Record<MetricName, [Record<string, string>, number | number[]][]>>;

/** How many durations fell into the bucket of a value, seconds. */
const inBucket = (seconds: number, count: number) => {
  const index = DURATION_BUCKETS.findIndex((bound) => seconds <= bound);
  return DURATION_BUCKETS.map((_, bucket) => bucket === index ? count : 0).concat(0);
};

function monitorWith() {
  let at = START;
  const store = createMetricStore({ windowUs: 600e6, stepUs: 10e6, now: () => at });
  const alerts = followAlerts(store);
  const send = (service: string, values: Values, instance = service) => {
    const metrics = Object.entries(values).map(([name, points]) => {
      const { kind, unit, description } = METRICS[name as MetricName];
      return {
        name,
        unit,
        description,
        kind: kind === "events" ? "counter" as const : kind,
        cumulative: true,
        points: points.map(([attributes, value]): Point => ({
          attributes,
          start: START,
          value: typeof value === "number" ? value : 0,
          bounds: typeof value === "number" ? [] : DURATION_BUCKETS,
          buckets: typeof value === "number" ? [] : value,
        })),
      };
    });
    store.record({ origin: { service, instance }, metrics });
  };
  const nats = { version: "2.9.10", connected: true, traces: false };
  return {
    store,
    send,
    wait: (seconds: number) => void (at += seconds * 1e6),
    // What is answered is what the contract says.
    overview: () => Overview.parse(overviewOf(store, alerts, nats)),
    names: () => overviewOf(store, alerts, nats).alerts.map(({ name }) => name),
  };
}

Deno.test("counts, rates and percentiles are those of what was sent", () => {
  const { send, wait, overview } = monitorWith();
  const of = (hop: string, outcome: string) => ({ hop, namespace: "default", outcome });
  for (let exports = 1; exports <= 5; exports++) {
    send("gateway", {
      "hopwire.messages.received": [[{}, 20 * exports]],
      "hopwire.network.io": [
        [{ "network.io.direction": "receive" }, 200 * exports],
        [{ "network.io.direction": "transmit" }, 4_000 * exports],
      ],
      "hopwire.connections": [[{ transport: "websocket" }, exports], [{ transport: "sse" }, 1]],
      "hopwire.connections.peak": [[{}, 9]],
      "hopwire.errors": [[{ code: "forbidden" }, exports]],
      "hopwire.hop.duration": [
        [of("bus.store", "ok"), inBucket(0.001, 90 * exports)],
        [of("bus.store", "timeout"), inBucket(0.5, 10 * exports)],
      ],
    });
    wait(EXPORT_S);
  }
  const now = overview();
  assert.equal(now.messagesIn.now, 10);
  assert.equal(now.bytesIn.now, 100);
  assert.equal(now.bytesOut.now, 2_000);
  assert.equal(now.connections.now, 6);
  assert.equal(now.connections.peak, 9);
  assert.deepEqual(now.connections.byTransport, { websocket: 5, sse: 1 });
  assert.deepEqual(now.errorsByCode, { forbidden: 5 });
  const store = now.hops.find(({ hop }) => hop === "bus.store")!;
  assert.equal(store.count, 500);
  assert.equal(store.errors, 0.1);
  assert.ok(store.p50! > 500 && store.p50! <= 1_000, `${store.p50}`);
  assert.ok(store.p99! > 200_000 && store.p99! <= 500_000, `${store.p99}`);
  assert.equal(store.trend.length, 60);
  assert.equal(now.hops.find(({ hop }) => hop === "call")!.p50, null);
});

Deno.test("a slow hop is an alert that names it, until a minute after", () => {
  const { send, wait, names, overview } = monitorWith();
  const slow = inBucket(0.3, 5);
  const values: Values = {
    "hopwire.hop.duration": [
      [{ hop: "archive.store", outcome: "ok" }, slow],
      [{ hop: "bus.store", outcome: "ok" }, inBucket(0.001, 5)],
    ],
    "hopwire.delivery.duration": [[{}, slow]],
  };
  send("persistence", values);
  assert.deepEqual(names(), ["Delivery is slow", "archive.store is slow"]);
  const [{ text, since }] = overview().alerts as [Overview["alerts"][number]];
  assert.match(text, /Delivery takes \d+(\.\d)? ms \(p99 of 5 in the last minute\)/);
  assert.equal(since, START);
  wait(30);
  send("persistence", values);
  assert.equal(overview().alerts[0]!.since, START);
  wait(40);
  send("persistence", values);
  assert.deepEqual(names(), []);
});

Deno.test("refusals, slow consumers, the archive's lag and holes are alerts", () => {
  const { send, wait, names } = monitorWith();
  const some = (errors: number, slow: number, lag: number, holes: number) => {
    send("gateway", {
      "hopwire.frames.received": [[{}, 100]],
      "hopwire.errors": [[{ code: "forbidden" }, errors]],
      "hopwire.slow_consumers": [[{}, slow]],
    });
    send("persistence", {
      "hopwire.archive.lag": [[{}, lag]],
      "hopwire.archive.holes.unexplained": [[{}, holes]],
    });
  };
  some(4, 0, 100, 0);
  assert.deepEqual(names(), []);
  wait(EXPORT_S);
  some(10, 1, 6_000, 2);
  assert.deepEqual(names(), [
    "Many errors",
    "Slow consumers",
    "The archive lags behind",
    "Unexplained holes",
  ]);
  wait(80);
  some(10, 1, 0, 0);
  assert.deepEqual(names(), []);
});

Deno.test("a process is lost after three intervals, and forgotten once another one took its place", () => {
  const { send, wait, names, overview } = monitorWith();
  const alive: Values = { "process.uptime": [[{}, 1]], "hopwire.connections": [[{}, 5]] };
  for (let exports = 0; exports < 3; exports++) {
    send("gateway", alive, "a");
    send("monitor", alive);
    wait(EXPORT_S);
  }
  assert.equal(overview().connections.now, 10);
  for (let exports = 0; exports < 4; exports++) {
    send("monitor", alive);
    wait(EXPORT_S);
  }
  assert.deepEqual(names(), ["gateway a is lost"]);
  assert.equal(overview().connections.now, 5, "connections of a lost process are none");
  const [lost] = overview().processes;
  assert.equal(lost!.state, "lost");
  assert.match(lost!.reason!, /^has exported nothing since \d\d:\d\d:\d\d UTC$/);
  for (let exports = 0; exports < 20; exports++) {
    send("gateway", alive, "b");
    wait(EXPORT_S);
  }
  assert.deepEqual(
    overview().processes.filter(({ service }) => service === "gateway").map((p) => p.instance),
    ["b"],
  );
});

Deno.test("one slow round trip to NATS says nothing; several do, and so does a stalled event loop", () => {
  const { send, wait, overview } = monitorWith();
  const stateOf = () => overview().processes[0]!;
  const report = (rtt: number, delay: number, uptime = 60) => {
    send("rooms", {
      "process.uptime": [[{}, uptime]],
      "hopwire.nats.connected": [[{}, 1]],
      "hopwire.nats.rtt": [[{}, rtt]],
      "nodejs.eventloop.delay.p99": [[{}, delay]],
    });
    wait(10);
  };
  report(0.05, 0.9, 3);
  report(0.001, 0.001, 13);
  assert.equal(stateOf().state, "ok", "it has just started");
  report(0.05, 0.001);
  for (let count = 0; count < 4; count++) report(0.05, 0.001);
  assert.match(stateOf().reason!, /NATS answers it after 50 ms/);
  for (let count = 0; count < 4; count++) report(0.001, 0.001);
  assert.equal(stateOf().state, "ok");
  report(0.001, 0.3);
  assert.match(stateOf().reason!, /its event loop is late by 300 ms/);
  send("rooms", { "hopwire.nats.connected": [[{}, 0]] });
  assert.equal(stateOf().reason, "it is not connected to NATS");
});

Deno.test("a trace says whose clocks differ by more than is uncertain", () => {
  const { send, store } = monitorWith();
  const clock = (offset: number, error: number): Values => ({
    "hopwire.clock.offset": [[{}, offset]],
    "hopwire.clock.error": [[{}, error]],
  });
  send("gateway", clock(0.25, 0.001), "gateway-1");
  send("gateway", clock(0.25, 0.001), "gateway-2");
  send("persistence", clock(-0.0005, 0.001));
  const origins = [
    { service: "gateway", instance: "gateway-1" },
    { service: "gateway", instance: "gateway-1" },
    { service: "persistence", instance: "persistence" },
    { service: "unknown", instance: "" },
  ];
  assert.deepEqual(clockNotes(store, origins), [
    "The clock of gateway-1 is 250 ms ahead of nats-server's, give or take 1 ms. " +
    "The times of its hops are corrected by that.",
  ]);
});
