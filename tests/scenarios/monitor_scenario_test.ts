/** Monitor, with the whole system: where the time of one message went. */
import { Ajv2020 } from "ajv/dist/2020.js";
import assert from "node:assert/strict";
import type { Trace, TraceSpan } from "../../services/contract/mod.ts";
import { reportsTraces } from "../../services/kit/mod.ts";
import { findNatsServer, natsVersion } from "../../services/start/nats_server.ts";
import { monitorOn } from "../harness/monitor.ts";
import { startOtlpReceiver } from "../harness/otlp.ts";
import { startAll } from "../harness/start.ts";
import { connectClient } from "../harness/client.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** The gate runs this file with each of the two servers. */
const version = await natsVersion(await findNatsServer());

/** Compares what monitor answers with what its OpenAPI document says. */
async function answersAreAsDocumented(url: string, traceId: string): Promise<void> {
  const openapi = await (await fetch(`${url}/openapi.json`)).json();
  const generated = `${ROOT}services/contract/generated/monitor-openapi.json`;
  assert.deepEqual(openapi, JSON.parse(await Deno.readTextFile(generated)));
  const ajv = new Ajv2020({ strict: false });
  ajv.addSchema({ ...openapi, $id: "urn:test:monitor" });
  const requests: [path: string, query: string, status: number][] = [
    ["/api/overview", "", 200],
    ["/api/messages", "?order=recent&limit=1&room=chat.lobby&seq=", 200],
    ["/api/messages", "?limit=201", 400],
    ["/api/messages", "?order=random", 400],
    ["/api/messages", "?seq=1.5", 400],
    ["/api/traces/{traceId}", traceId, 200],
    ["/api/traces/{traceId}", "f".repeat(32), 404],
    ["/api/traces/{traceId}", "x", 400],
    ["/metrics", "", 200],
  ];
  for (const [path, rest, status] of requests) {
    const response = await fetch(url + path.replace("{traceId}", "") + rest);
    const text = await response.text();
    assert.equal(response.status, status, `${path} ${rest}: ${text}`);
    const { content } = openapi.paths[path].get.responses[status];
    const type = response.headers.get("content-type")!.split(";")[0]!;
    const { $ref } = content[type].schema;
    if ($ref === undefined) continue;
    const valid = ajv.getSchema(`urn:test:monitor${$ref}`)!;
    assert.ok(valid(JSON.parse(text)), `${path}: ${JSON.stringify(valid.errors)}`);
  }
  const tested = new Set(requests.map(([path]) => path));
  assert.deepEqual([...tested, "/openapi.json"].sort(), Object.keys(openapi.paths).sort());
}

Deno.test("monitor shows the whole tree of a message, and its path in numbers", async () => {
  await using system = await startSystem({ monitor: true, gateways: 2 });
  const monitor = monitorOn(system.monitor!.port);
  const clients = [
    await system.client({ user: "ann", gateway: 0 }),
    await system.client({ user: "bob", gateway: 1 }),
  ] as const;
  for (const client of clients) {
    client.send({ type: "subscribe", room: "chat.lobby" });
    await client.take("subscribed");
  }
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

  const tree: [hop: string, parent: string, count: number][] = [
    ["edge.receive", "", 1],
    ["bus.store", "edge.receive", 1],
    ["bus.deliver", "bus.store", 2],
    ["edge.queue", "bus.deliver", 2],
    ["edge.fanout", "edge.queue", 2],
    ["archive.wait", "bus.store", 1],
    ["archive.store", "archive.wait", 1],
    ...reportsTraces(version)
      ? [["nats.ingress", "bus.store", 1], ["nats.store", "nats.ingress", 1]] as const
      : [],
  ].map(([hop, parent, count]) => [hop, parent, count] as [string, string, number]);
  const expected = tree.reduce((sum, [, , count]) => sum + count, 0);
  const trace = await until("all hops", async () => {
    const found = await monitor.trace(traceId);
    return (found?.spans.filter(({ hop }) => hop !== null).length ?? 0) >= expected && found;
  }) as Trace;
  const byId = new Map(trace.spans.map((span) => [span.spanId, span]));
  for (const [hop, parent, count] of tree) {
    const found = trace.spans.filter((span) => span.hop === hop);
    assert.equal(found.length, count, `${hop}: ${JSON.stringify(trace.spans, null, 1)}`);
    for (const span of found) {
      if (parent === "") assert.equal(span.parentId, clientSpan);
      else assert.equal(byId.get(span.parentId!)?.hop, parent, hop);
    }
  }
  assert.equal(trace.room, "chat.lobby");
  assert.equal(trace.seq, seq);
  assert.equal(trace.error, null);
  const ends = trace.spans.filter(({ hop }) => hop !== null)
    .map(({ start, duration }) => start + duration);
  assert.equal(trace.at, Math.min(...trace.spans.filter(({ hop }) => hop).map((s) => s.start)));
  assert.equal(trace.duration, Math.max(...ends) - trace.at);
  const services = new Set(trace.spans.map(({ service }) => service));
  assert.ok(services.has("gateway") && services.has("persistence"));
  if (reportsTraces(version)) {
    const inside = trace.spans.filter(({ hop }) => hop?.startsWith("nats.")) as TraceSpan[];
    assert.ok(inside.every(({ service }) => service === "nats-server"));
    assert.deepEqual(trace.notes, []);
  } else {
    assert.match(trace.notes.join("\n"), /inside NATS are missing: nats-server 2\.\S+ does not/);
  }

  const found = await monitor.messages(`room=chat.lobby&seq=${seq}`);
  assert.deepEqual(found.messages.map((message) => message.traceId), [traceId]);
  assert.deepEqual((await monitor.messages("room=elsewhere")).messages, []);

  const overview = await until("the metrics of all processes", async () => {
    const now = await monitor.overview();
    const hops = new Map(now.hops.map((hop) => [hop.hop, hop.count]));
    return now.processes.length === 6 && hops.get("edge.receive") === 1 &&
      hops.get("edge.fanout") === 2 && hops.get("archive.store") === 1 &&
      hops.get("nats.store") === (reportsTraces(version) ? 1 : 0) &&
      now.connections.now === 2 && now;
  });
  await answersAreAsDocumented(monitor.url, traceId);
  assert.equal(overview.delivery.count, 2);
  assert.ok(overview.delivery.p99! > 0);
  assert.deepEqual(overview.connections.byTransport.websocket, 2);
  assert.equal(overview.users, 2);
  assert.equal(overview.rooms, 1);
  assert.equal(overview.nats.version, version);
  assert.equal(overview.nats.traces, reportsTraces(version));
  for (const { service, state, reason } of overview.processes) {
    assert.notEqual(state, "lost", `${service}: ${reason}`);
  }
  // What monitor receives and sends itself is in no trace: an export must not cause another one.
  const prometheus = await (await fetch(`${monitor.url}/metrics`)).text();
  assert.match(prometheus, /^hopwire_hop_duration_seconds_count\{.*hop="bus\.store"/m);
  const others = await monitor.messages("order=recent");
  assert.deepEqual(others.messages.map((message) => message.traceId), [traceId]);
});

Deno.test("the start command runs monitor, which passes everything on to the user's collector", async () => {
  await using collector = startOtlpReceiver();
  const { OTEL_EXPORTER_OTLP_ENDPOINT, OTEL_EXPORTER_OTLP_PROTOCOL } = collector.env;
  await using system = await startAll({
    OTEL_EXPORTER_OTLP_ENDPOINT: OTEL_EXPORTER_OTLP_ENDPOINT!,
    OTEL_EXPORTER_OTLP_PROTOCOL: OTEL_EXPORTER_OTLP_PROTOCOL!,
  });
  const { file, env, process } = system;
  assert.equal(file.monitor, `http://127.0.0.1:${env.MONITOR_PORT}/`);
  assert.ok(process.output.some((line) => line.includes(`monitor    ${file.monitor}`)));
  const client = await connectClient(file.websocket);
  client.send({ type: "auth", token: file.token! });
  client.send({ type: "subscribe", room: "lobby" });
  client.send({ type: "message", room: "lobby", content: "hi", id: "1" });
  const { seq } = await client.take("ack");
  await client.take("room-message");
  client.close();
  const hops = reportsTraces(version)
    ? ["archive.store", "edge.fanout", "nats.store"]
    : ["archive.store", "edge.fanout"];
  const monitor = monitorOn(Number(env.MONITOR_PORT));
  const message = await until("the message with all its hops", async () => {
    const [found] = (await monitor.messages(`room=lobby&seq=${seq}`)).messages;
    const trace = found && await monitor.trace(found.traceId);
    return trace && hops.every((hop) => trace.spans.some((span) => span.hop === hop)) && trace;
  });
  await until("the collector to have the same spans", () => {
    const ids = new Set(collector.spans.map(({ spanId }) => spanId));
    return message.spans.every(({ spanId }) => ids.has(spanId));
  });

  // The command prints the same message.
  const run = async (...args: string[]) => {
    const command = startProcess(Deno.execPath(), ["task", "trace", ...args], { env, cwd: ROOT });
    return { ...await command.status(), text: command.output.join("\n") };
  };
  const drawn = await run("lobby", String(seq));
  assert.equal(drawn.code, 0, drawn.text);
  for (const hop of hops) assert.match(drawn.text, new RegExp(`^ *${hop} .* ms  `, "m"));
  assert.match(
    (await run("--json", message.traceId)).text,
    new RegExp(`"traceId": "${message.traceId}"`),
  );
  const missing = await run("lobby", "99");
  assert.equal(missing.code, 1);
  assert.match(missing.text, /monitor has no trace of message 99 in lobby\. .*trace: true/);

  // What monitor receives, forwards and answers is in no trace: an export would cause the next one.
  const uptime = async () => {
    const { processes } = await monitor.overview();
    return processes.find(({ service }) => service === "monitor")?.uptime ?? undefined;
  };
  const before = await until("monitor's own metrics", uptime);
  await until("two more exports", async () => (await uptime() ?? 0) > before + 4e6);
  const own = collector.spans.filter(({ service }) => service === "hopwire-monitor");
  assert.deepEqual(own.filter(({ name }) => !/^nats\./.test(name)), []);
});
