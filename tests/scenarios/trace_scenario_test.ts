/** Each stored message is one trace through every process that touches it. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { liveSubject, messageSubject } from "../../services/contract/mod.ts";
import { type ReceivedSpan, startOtlpReceiver } from "../harness/otlp.ts";
import { startSystem } from "../harness/system.ts";
import { telemetryEnvironment } from "../../services/start/telemetry.ts";
import { until } from "../harness/wait.ts";

Deno.test("one trace covers every hop of a message, with the right parents", async () => {
  await using receiver = startOtlpReceiver();
  const named = (name: string) => ({ OTEL_SERVICE_NAME: name });
  await using system = await startSystem({
    gateways: 2,
    env: {
      all: receiver.env,
      gateway: named("gateway"),
      auth: named("auth"),
      rooms: named("rooms"),
      persistence: named("persistence"),
    },
  });
  const clients = [
    await system.client({ user: "ann", gateway: 0 }),
    await system.client({ user: "bob", gateway: 1 }),
    await system.client({ user: "cid", gateway: 1 }),
  ] as const;
  for (const client of clients) {
    client.send({ type: "subscribe", room: "chat.lobby" });
    await client.take("subscribed");
  }
  // The system was started with health checks, and requests of others are traced.
  const pathsOf = () => receiver.spans.map(({ attributes }) => attributes["url.path"]);
  await (await fetch(`http://127.0.0.1:${system.gateways[0]!.port}/healthz`)).text();
  await until("the span of a request", () => pathsOf().includes("/healthz"));
  assert.ok(!pathsOf().includes("/readyz"), "health checks are traced");

  const traceId = "0af7651916cd43dd8448eb211c80319c";
  const clientSpan = "b7ad6b7169203331";
  clients[0].send({
    type: "message",
    room: "chat.lobby",
    content: "traced",
    id: "t1",
    traceparent: `00-${traceId}-${clientSpan}-01`,
  });
  const { seq } = await clients[0].take("ack");
  for (const client of clients) await client.take("room-message");

  const HOPS = 2 + 2 * 3 + 2;
  const ofTrace = () => receiver.spans.filter((span) => span.traceId === traceId);
  const spans = await until(`all ${HOPS} spans`, () => {
    const found = ofTrace();
    return found.length >= HOPS && found;
  });
  const only = (name: string, count = 1): ReceivedSpan[] => {
    const found = spans.filter((span) => span.name === name);
    assert.equal(found.length, count, `${name}: ${JSON.stringify(spans, null, 1)}`);
    for (const { attributes } of found) assert.equal(attributes["hopwire.hop"], name);
    return found;
  };
  const childOf = (name: string, parent: ReceivedSpan): ReceivedSpan => {
    const found = spans.filter((one) => one.name === name && one.parentSpanId === parent.spanId);
    assert.equal(found.length, 1, `${name}: ${JSON.stringify(spans, null, 1)}`);
    return found[0]!;
  };
  const [receive] = only("edge.receive") as [ReceivedSpan];
  assert.equal(receive.parentSpanId, clientSpan);
  assert.equal(receive.kind, 2);
  assert.equal(receive.attributes["hopwire.room"], "chat.lobby");

  const [store] = only("bus.store") as [ReceivedSpan];
  assert.equal(store.parentSpanId, receive.spanId);
  assert.equal(store.kind, 4);
  assert.equal(store.attributes["messaging.system"], "nats");
  assert.equal(store.attributes["messaging.destination.name"], messageSubject("chat.lobby"));
  assert.equal(store.attributes["messaging.operation.name"], "send");
  assert.equal(store.attributes["hopwire.seq"], seq);
  assert.equal(store.start, receive.end);

  const members: unknown[] = [];
  for (const deliver of only("bus.deliver", 2)) {
    assert.equal(deliver.parentSpanId, store.spanId);
    assert.equal(deliver.kind, 5);
    assert.equal(deliver.attributes["hopwire.seq"], seq);
    const queue = childOf("edge.queue", deliver);
    const fanout = childOf("edge.fanout", queue);
    members.push(fanout.attributes["hopwire.members"]);
    // The hops tile the path: each begins where the one before it ends.
    assert.deepEqual([queue.start, fanout.start], [deliver.end, queue.end]);
    assert.ok(deliver.start >= store.start && deliver.start <= deliver.end);
    for (const { start, end } of [deliver, queue, fanout]) assert.ok(start <= end);
    // On servers that do not tell when they stored it, the hop begins with the hand-over.
    if (deliver.attributes["hopwire.includes_store"]) assert.equal(deliver.start, receive.end);
  }
  assert.deepEqual(members.sort(), [1, 2]);

  const [wait] = only("archive.wait") as [ReceivedSpan];
  assert.equal(wait.service, "persistence");
  assert.equal(wait.parentSpanId, store.spanId);
  assert.equal(wait.kind, 5);
  const commit = childOf("archive.store", wait);
  assert.equal(commit.start, wait.end);
  assert.equal(spans.length, HOPS, JSON.stringify(spans, null, 1));
});

Deno.test("a message without a client's trace starts one, and requests between services join theirs", async () => {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({ env: { all: receiver.env } });
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  ann.send({ type: "message", room: "lobby", content: 1, id: "1" });
  await ann.take("ack");
  await until("the trace of the message", () => {
    const root = receiver.spans.find(({ name }) => name === "edge.receive");
    return root !== undefined && root.parentSpanId === "" &&
      receiver.spans.filter(({ traceId }) => traceId === root.traceId).length === 7;
  });
  await until("the trace of the join, across the two services", () => {
    const served = receiver.spans.find(({ name }) => name === "process rooms.join");
    const asked = receiver.spans.find(({ spanId }) => spanId === served?.parentSpanId);
    const root = receiver.spans.find(({ spanId }) => spanId === asked?.parentSpanId);
    return asked?.name === "rooms.join" && root?.name === "receive subscribe";
  });
});

Deno.test("nothing is recorded if the client's trace is not sampled", async () => {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({ env: { all: receiver.env } });
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  const unsampled = "1af7651916cd43dd8448eb211c80319c";
  const message = { type: "message", room: "lobby", content: 1 };
  ann.send({ ...message, id: "1", traceparent: `00-${unsampled}-b7ad6b7169203331-00` });
  await ann.take("ack");
  ann.send({ ...message, id: "2" });
  await ann.take("ack");
  // The second message's spans arrive after the first one's would have.
  await until(
    "the second message's trace",
    () => receiver.spans.some(({ name }) => name === "archive.store"),
  );
  assert.deepEqual(receiver.spans.filter(({ traceId }) => traceId === unsampled), []);
});

Deno.test("TRACE_RATIO determines the share of recorded traces that begin here", async () => {
  await using receiver = startOtlpReceiver();
  await using system = await startSystem({ env: { all: { ...receiver.env, TRACE_RATIO: "0" } } });
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  const bus = await connect({ servers: system.nats.url });
  try {
    const live = bus.subscribe(liveSubject("lobby"), { max: 3 });
    await bus.flush();
    const message = { type: "message", room: "lobby", content: 1 };
    const sampled = "1af7651916cd43dd8448eb211c80319c";
    ann.send({ ...message, id: "1" });
    ann.send({ ...message, id: "2" });
    ann.send({ ...message, id: "3", traceparent: `00-${sampled}-b7ad6b7169203331-01` });
    const contexts: string[] = [];
    for await (const { headers } of live) contexts.push(headers!.get("traceparent"));
    // Later hops must not start a trace of their own, nor merge two messages into one trace.
    assert.match(contexts[0]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.match(contexts[1]!, /^00-[0-9a-f]{32}-[0-9a-f]{16}-00$/);
    assert.notEqual(contexts[0], contexts[1]);
    assert.match(contexts[2]!, new RegExp(`^00-${sampled}-[0-9a-f]{16}-01$`));
    await until(
      "the trace that the client had begun",
      () => receiver.spans.some(({ name }) => name === "archive.store"),
    );
    const hops = receiver.spans.filter(({ attributes }) => attributes["hopwire.hop"] !== undefined);
    assert.deepEqual(new Set(hops.map(({ traceId }) => traceId)), new Set([sampled]));
  } finally {
    await bus.close();
  }
});

Deno.test("a collector that hangs does not keep a service from exiting", async () => {
  using collector = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const connections: Deno.Conn[] = [];
  (async () => {
    for await (const connection of collector) connections.push(connection);
  })();
  const endpoint = `http://127.0.0.1:${(collector.addr as Deno.NetAddr).port}`;
  const env = telemetryEnvironment("rooms", { OTEL_EXPORTER_OTLP_ENDPOINT: endpoint }, undefined);
  await using system = await startSystem({ env: { rooms: env } });
  // Spans are exported after two and a half seconds, metrics after five.
  const interval = Number(env.OTEL_METRIC_EXPORT_INTERVAL);
  await until("metrics to be exported", () => connections.length >= 2, interval * 3);
  const { process } = system.rooms[0]!;
  process.signal("SIGTERM");
  assert.equal((await process.status(15_000)).code, 0);
  for (const connection of connections) connection.close();
});
