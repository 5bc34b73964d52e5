/** What a running system exports is what the table of metrics says. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import {
  DURATION_BUCKETS,
  type MetricInfo,
  type MetricName,
  METRICS,
} from "../../services/contract/mod.ts";
import { apiOf } from "../harness/api.ts";
import { type MetricsReceiver, startMetricsReceiver } from "../harness/otlp_metrics.ts";
import { type Receiver, secretOf, startReceiver } from "../harness/receiver.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const SERVICES = ["gateway", "auth", "rooms", "persistence", "api", "hooks"] as const;

/** OTLP's cumulative temporality. */
const CUMULATIVE = 2;

/**
 * What a healthy system of these services does not export: nothing was recorded. Monitor is measured by
 * its own tests.
 */
const NOT_EXPORTED: Partial<Record<MetricName, readonly (typeof SERVICES[number])[]>> = {
  // The audit finds nothing.
  "hopwire.archive.audit.findings": ["persistence"],
  // These request nothing of other services.
  "messaging.client.operation.duration": ["auth", "rooms", "persistence", "hooks"],
  // They answer nobody on the bus.
  "messaging.process.duration": ["api", "hooks"],
};

/** A server before 2.10 does not tell its time. */
const CLOCK = /^hopwire\.clock\.(offset|error)$/;

/** Whether the system's nats-server tells its time. */
async function tellsTime(system: System): Promise<boolean> {
  const bus = await connect({ servers: system.nats.url });
  const [major, minor] = bus.info!.version.split(".").map(Number);
  await bus.close();
  return major! > 2 || minor! >= 10;
}

/** The services that the table says export a metric. */
function ownersOf(name: MetricName): readonly string[] {
  const { by }: MetricInfo = METRICS[name];
  return by.includes("every") ? SERVICES : SERVICES.filter((service) => by.includes(service));
}

function exportersOf(receiver: MetricsReceiver, name: string): string[] {
  return receiver.metrics.filter((metric) => metric.name === name)
    .map(({ resource }) => resource["service.name"]!.replace("hopwire-", ""));
}

async function startMeasured(receiver: MetricsReceiver, webhooks: Receiver): Promise<System> {
  const env = Object.fromEntries(SERVICES.map((name) => [name, receiver.env(name)]));
  return await startSystem({
    apis: 1,
    webhooks: [{
      id: "shop",
      url: webhooks.url,
      secrets: [secretOf(1)],
      events: ["room.message"],
      retry: { maxAttempts: 1 },
    }],
    env: { ...env, persistence: { ...env.persistence, AUDIT_MS: "100" } },
    namespaces: [{ pattern: "chat.>", rate: { messages: 1 } }],
  });
}

/** Does a bit of everything that is counted. */
async function use(system: System): Promise<void> {
  const api = await apiOf(system);
  await api.done("publish", { room: "lobby", userId: "bot", content: "first" });
  await api.done("history", { room: "lobby" });
  await api.done("stats", {});
  const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  ann.send({ type: "message", room: "lobby", content: "hello", id: "1" });
  await ann.take("ack");
  await bob.take("room-message");
  // An error, what a limit refuses, and a token that is not one.
  bob.send({ type: "unsubscribe", room: "elsewhere" });
  assert.equal((await bob.take("error")).code, "room_not_found");
  ann.send({ type: "subscribe", room: "chat.limited" });
  await ann.take("subscribed");
  for (let i = 0; i < 11; i++) {
    ann.send({ type: "message", room: "chat.limited", content: i, id: `m${i}` });
  }
  assert.equal((await ann.take("error")).code, "rate_limited");
  const stranger = await system.client();
  stranger.send({ type: "auth", token: "e30.e30.e30" });
  assert.equal((await stranger.take("error")).code, "unauthorized");
  bob.close();
}

Deno.test("every service exports the metrics of the table, as the table describes them", async () => {
  await using receiver = startMetricsReceiver();
  await using webhooks = startReceiver();
  // One event is given up, the others are delivered.
  webhooks.answer = () => webhooks.requests.length === 1 ? 500 : 204;
  await using system = await startMeasured(receiver, webhooks);
  await use(system);
  const clock = await tellsTime(system);
  const names = (Object.keys(METRICS) as MetricName[]).filter((name) => clock || !CLOCK.test(name));
  const expected = names.flatMap((name) =>
    ownersOf(name).filter((service) => !(NOT_EXPORTED[name] as string[] ?? []).includes(service))
      .map((service) => [name, service] as const)
  );
  assert.ok(expected.length > 80, `only ${expected.length} were expected`);
  await until("every metric to be exported by its services", () => {
    const missing = expected.filter(([name, service]) =>
      !exportersOf(receiver, name).includes(service)
    );
    if (missing.length > 0) throw new Error(missing.map((one) => one.join(" of ")).join("; "));
    return true;
  });

  const exported = receiver.metrics.filter(({ scope }) => scope === "hopwire");
  for (const metric of exported) {
    const { name, unit, description, resource, gauge, sum, histogram } = metric;
    assert.ok(name in METRICS, `${name} is not in the table`);
    const info: MetricInfo = METRICS[name as MetricName];
    const service = resource["service.name"]!.replace("hopwire-", "");
    assert.ok(ownersOf(name as MetricName).includes(service), `${name} is exported by ${service}`);
    assert.deepEqual(
      { unit, description },
      { unit: info.unit, description: info.description },
      name,
    );
    const kind = histogram ? "histogram" : gauge ? "gauge" : "counter";
    assert.equal(kind, info.kind === "events" ? "counter" : info.kind, name);
    if (sum) {
      assert.deepEqual([sum.isMonotonic, sum.aggregationTemporality], [true, CUMULATIVE], name);
    }
    if (histogram) assert.equal(histogram.aggregationTemporality, CUMULATIVE, name);
    for (const { explicitBounds } of histogram?.dataPoints ?? []) {
      assert.deepEqual(explicitBounds, DURATION_BUCKETS, name);
    }
    const points = [
      ...gauge?.dataPoints ?? [],
      ...sum?.dataPoints ?? [],
      ...histogram?.dataPoints ?? [],
    ];
    for (const { attributes } of points) {
      for (const key of Object.keys(attributes)) {
        assert.ok(info.attributes?.includes(key), `${name} has the attribute ${key}`);
      }
    }
  }
  // What Deno exports by itself must not have the name of one of ours.
  for (const { name, scope } of receiver.metrics) {
    if (scope !== "hopwire") assert.ok(!(name in METRICS), `${scope} exports ${name}`);
  }
  assert.ok(receiver.metrics.some(({ name, unit }) => name === "v8js.gc.duration" && unit === "S"));
});

Deno.test("what is counted is what happened", async () => {
  await using receiver = startMetricsReceiver();
  await using webhooks = startReceiver();
  await using system = await startMeasured(receiver, webhooks);
  await use(system);
  /** The value of a series of the gateway. */
  const value = (name: MetricName, attributes: Record<string, string> = {}) =>
    receiver.metrics.filter((metric) =>
      metric.name === name && metric.resource["service.name"] === "hopwire-gateway"
    ).flatMap(({ gauge, sum }) => (gauge ?? sum)!.dataPoints).find((point) =>
      Object.entries(attributes).every(([key, value]) => point.attributes[key] === value)
    )?.value;
  await until("the counts", () => {
    assert.deepEqual({
      connections: value("hopwire.connections", { transport: "websocket" }),
      opened: value("hopwire.connections.opened", { transport: "websocket" }),
      peak: value("hopwire.connections.peak"),
      users: value("hopwire.users"),
      rooms: value("hopwire.rooms"),
      joins: value("hopwire.joins", { outcome: "ok" }),
      unknown: value("hopwire.errors", { code: "room_not_found" }),
      refused: value("hopwire.errors", { code: "unauthorized" }),
      limited: value("hopwire.rate_limited", { limit: "namespace messages" }),
      closed: value("hopwire.connections.closed", { code: "4001" }),
      failed: value("hopwire.handshakes.failed", { reason: "unauthenticated" }),
    }, {
      connections: 1,
      opened: 3,
      peak: 3,
      users: 1,
      rooms: 2,
      joins: 3,
      unknown: 1,
      refused: 1,
      limited: 1,
      closed: 1,
      failed: 1,
    });
    return true;
  });
  const [bytesIn, bytesOut] = ["receive", "transmit"].map((direction) =>
    value("hopwire.network.io", { "network.io.direction": direction })!
  );
  assert.ok(bytesIn! > 500 && bytesOut! > 500, `${bytesIn} in, ${bytesOut} out`);
  assert.equal(value("hopwire.memory.budget"), 268_435_456);
});
