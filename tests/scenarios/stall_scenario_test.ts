/** A part that stalls shows in its own hop, also for messages that nobody sampled. */
import assert from "node:assert/strict";
import { DatabaseSync } from "node:sqlite";
import type { HopName } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { startMetricsReceiver } from "../harness/otlp_metrics.ts";
import { type OtlpReceiver, type ReceivedSpan, startOtlpReceiver } from "../harness/otlp.ts";
import { joinOnRawSocket } from "../harness/raw_socket.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** How long a part stalls, milliseconds: longer than SLOW_MESSAGE_MS by default. */
const STALL_MS = 400;

interface Scene {
  receiver: OtlpReceiver;
  system: System;
  /** Ann is connected to the first gateway, Bob to the second one. */
  ann: TestClient;
  bob: TestClient;
}

/** Runs a test with two gateways of which nothing is sampled. */
async function withScene(run: (scene: Scene) => Promise<void>): Promise<void> {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({
    gateways: 2,
    env: { all: { ...receiver.env, TRACE_RATIO: "0" } },
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  // The first message of a process takes longer than others.
  for (const id of ["warm-1", "warm-2"]) {
    ann.send({ type: "message", room: "lobby", content: id, id });
    await ann.take("ack");
    await bob.take("room-message");
  }
  receiver.spans.length = 0;
  await run({ receiver, system, ann, bob });
}

/** The stall itself. */
const stall = () => new Promise((resolve) => setTimeout(resolve, STALL_MS));

/** Waits for the slow message's span of a hop, and returns all spans of its trace. */
async function slowHop(receiver: OtlpReceiver, hop: HopName): Promise<ReceivedSpan[]> {
  const span = await until(
    `a slow ${hop}`,
    () =>
      receiver.spans.find(({ name, attributes, durationMs }) =>
        name === hop && attributes["hopwire.slow"] === true && durationMs >= STALL_MS
      ),
  );
  return receiver.spans.filter(({ traceId }) => traceId === span.traceId);
}

/** Asserts that no other hop than these took long. */
function assertOnly(spans: ReceivedSpan[], slow: HopName[]): void {
  for (const { name, durationMs } of spans) {
    if (slow.includes(name as HopName)) continue;
    assert.ok(durationMs < STALL_MS, `${name} took ${durationMs} ms`);
  }
}

const say = async (ann: TestClient, id: string) => {
  ann.send({ type: "message", room: "lobby", content: id, id });
  return (await ann.take("ack")).seq;
};

Deno.test("a stall of nats-server shows in the hop that stores", () =>
  withScene(async ({ receiver, system, ann }) => {
    await system.nats.process.stop();
    ann.send({ type: "message", room: "lobby", content: 1, id: "1" });
    await stall();
    system.nats.process.signal("SIGCONT");
    await ann.take("ack");
    const spans = await until("the whole path", () => {
      const slow = receiver.spans.filter(({ attributes }) => attributes["hopwire.slow"]);
      return slow.some(({ name }) => name === "edge.fanout") && slow;
    });
    // Servers before 2.10 do not say when they stored a message: the next hop then includes it.
    const tells = !spans.some(({ attributes }) => attributes["hopwire.includes_store"]);
    const [store] = await until("the hop", () => {
      const found = receiver.spans.filter(({ name, durationMs }) =>
        name === (tells ? "bus.store" : "bus.deliver") && durationMs >= STALL_MS * 0.75
      );
      return found.length > 0 && found;
    });
    const trace = receiver.spans.filter(({ traceId }) => traceId === store!.traceId);
    assertOnly(trace, tells ? ["bus.store"] : ["bus.store", "bus.deliver"]);
    assert.ok(trace.some(({ name }) => name === "edge.receive"), "its first hop is missing");
  }));

Deno.test("a gateway that stalls shows in the hop to it, and the others are fast", () =>
  withScene(async ({ receiver, system, ann, bob }) => {
    const { process } = system.gateways[1]!;
    await process.stop();
    const seq = await say(ann, "1");
    await stall();
    process.signal("SIGCONT");
    await bob.take("room-message");
    const spans = await slowHop(receiver, "bus.deliver");
    assertOnly(spans, ["bus.deliver"]);
    assert.ok(spans.some(({ name }) => name === "edge.receive"), "its first hop is missing");
    const fanout = spans.find(({ name }) => name === "edge.fanout");
    assert.equal(fanout?.attributes["hopwire.seq"], seq);
    // The path is told once, by the gateway that was slow.
    assert.equal(spans.filter(({ name }) => name === "edge.fanout").length, 1);
  }));

Deno.test("persistence that stalls shows in the wait for the archive", () =>
  withScene(async ({ receiver, system, ann, bob }) => {
    const { process } = system.persistences[0]!;
    await process.stop();
    await say(ann, "1");
    await bob.take("room-message");
    await stall();
    process.signal("SIGCONT");
    const spans = await slowHop(receiver, "archive.wait");
    assertOnly(spans, ["archive.wait"]);
  }));

Deno.test("a disk of the archive that stalls shows in the archive's transaction", () =>
  withScene(async ({ receiver, system, ann, bob }) => {
    // Another process that writes to the file: what a slow disk is to a transaction.
    using file = new DatabaseSync(`${system.folder}/archive.db`);
    file.exec("PRAGMA busy_timeout = 5000; BEGIN IMMEDIATE");
    await say(ann, "1");
    await bob.take("room-message");
    await stall();
    file.exec("COMMIT");
    const spans = await until("a slow archive.store", () => {
      const found = receiver.spans.filter(({ attributes }) => attributes["hopwire.slow"] === true);
      return found.some(({ name }) => name === "archive.store") && found;
    });
    const store = spans.find(({ name }) => name === "archive.store")!;
    assert.ok(store.durationMs > STALL_MS / 2, `archive.store took ${store.durationMs} ms`);
    assertOnly(spans, ["archive.store"]);
  }));

Deno.test("slow messages that are exported are bounded, and fast ones are not among them", () =>
  withScene(async ({ receiver, system, ann, bob }) => {
    const count = 60;
    const { process } = system.gateways[1]!;
    await process.stop();
    for (let i = 0; i < count; i++) {
      ann.send({ type: "message", room: "lobby", content: i, id: `s${i}` });
    }
    for (let i = 0; i < count; i++) await ann.take("ack");
    await stall();
    process.signal("SIGCONT");
    for (let i = 0; i < count; i++) await bob.take("room-message");
    await say(ann, "fast");
    await slowHop(receiver, "bus.deliver");
    // A burst of twenty, and five a second after that; the archive's were not slow.
    const traces = new Set(
      receiver.spans.filter(({ attributes }) => attributes["hopwire.slow"]).map((one) =>
        one.traceId
      ),
    );
    assert.ok(traces.size >= 1 && traces.size <= 40, `${traces.size} of ${count}`);
  }));

Deno.test("a reader that stalls shows in the fan-out, and delays no other member", async () => {
  await using receiver = startMetricsReceiver();
  await using system = await startSystem({
    env: {
      gateway: { ...receiver.env("gateway"), SEND_BUFFER_BYTES: "268435456" },
    },
  });
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  using slow = await joinOnRawSocket(system.gateways[0]!.port, "bob", "lobby");
  const fanouts = (outcome: string) => {
    const metric = receiver.metrics.find(({ name }) => name === "hopwire.hop.duration");
    return metric?.histogram?.dataPoints.find(({ attributes }) =>
      attributes.hop === "edge.fanout" && attributes.outcome === outcome
    );
  };
  // More than the system's own buffers take.
  const [messages, bytes] = [400, 30_000];
  for (let i = 0; i < messages; i++) {
    ann.send({ type: "message", room: "lobby", content: "x".repeat(bytes), id: `${i}` });
    if (i % 20 === 19) await ann.takeMany("room-message", 20);
  }
  await stall();
  const chunk = new Uint8Array(256 * 1024);
  let read = 0;
  while (read < messages * bytes) read += await slow.read(chunk) ?? assert.fail("closed");
  // A socket may also have been blocked for a moment before: the first export may hold only that.
  await until(
    "the stall is measured",
    () => (fanouts("slow_reader")?.sum ?? 0) >= STALL_MS / 1_000,
  );
  const others = await until("all are counted", () => {
    const found = fanouts("ok");
    return found !== undefined && found.count === messages && found;
  });
  // No other message took as long: the mean is far below.
  assert.ok(others.sum / messages < STALL_MS / 1_000 / 10, `${others.sum / messages} s`);
});
