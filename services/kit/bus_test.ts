import assert from "node:assert/strict";
import { startNats } from "../../tests/harness/nats.ts";
import { startProcess } from "../../tests/harness/process.ts";
import { until } from "../../tests/harness/wait.ts";
import { connectBus, createHeaders } from "./bus.ts";
import { createLogger } from "./log.ts";
import { followRosters } from "./presence/mod.ts";
import { StreamPublisher } from "./stream_publisher.ts";

Deno.test("the outbound queue is bounded while NATS is paused, and accepts messages again afterwards", async () => {
  await using nats = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: nats.url, name: "test", log, maxOutboundBytes: 100_000 });
  await nats.process.stop();
  const payload = "x".repeat(1_000);
  let sent = 0;
  while (bus.send("test.flood", payload)) {
    sent++;
    assert.ok(sent < 1_000, "there is no bound");
  }
  assert.ok(sent >= 20, String(sent));
  nats.process.signal("SIGCONT");
  await until("a message to be accepted again", () => bus.send("test.flood", payload));
  await bus.drain();
});

Deno.test("a lost connection is reported, queues nothing, and is re-established", async () => {
  await using nats = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const happened: string[] = [];
  bus.onDisconnect(() => void happened.push("disconnect"));
  bus.onReconnect(() => void happened.push("reconnect"));
  for (const remove of [bus.onDisconnect, bus.onReconnect].map((on) => on(() => assert.fail()))) {
    remove();
  }
  await nats.kill();
  await until("the loss", () => !bus.connected);
  assert.equal(bus.send("test.x", "1"), false);
  await nats.restart();
  await until("the reconnect", () => bus.connected);
  assert.deepEqual(happened, ["disconnect", "reconnect"]);
  const headers = createHeaders();
  assert.equal(bus.send("test.x", "1", { headers }), true);
  await bus.drain();
});

Deno.test("the connection keeps nothing of what has been stopped", async () => {
  await using nats = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: nats.url, name: "test", log });
  const callbacks = new Set<() => void>();
  const on = (callback: () => void) => {
    callbacks.add(callback);
    return () => callbacks.delete(callback);
  };
  const watched = Object.create(bus, { onDisconnect: { value: on }, onReconnect: { value: on } });
  const publisher = new StreamPublisher(watched);
  const rosters = await followRosters(watched);
  assert.equal(callbacks.size, 2);
  publisher.close();
  rosters.stop();
  assert.equal(callbacks.size, 0);
  await bus.drain();
});

Deno.test("a server that rejects the credentials ends the connection with the reason", async () => {
  await using nats = await startNats({ config: 'authorization { user: "a", password: "b" }' });
  const log = createLogger("test", { write: () => {} });
  const good = nats.url.replace("nats://", "nats://a:b@");
  const bus = await connectBus({ url: good, name: "test", log });
  await bus.drain();
  const wrong = nats.url.replace("nats://", "nats://a:wrong@");
  // The server closes the connection at once, and the library has stopped listening to its socket
  // by then. An occasional ECONNRESET therefore reaches the global handler. A service tolerates it:
  // tolerateResets() of runtime.ts.
  const reset = (event: ErrorEvent) => {
    if (/ECONNRESET/.test(String(event.error))) event.preventDefault();
  };
  globalThis.addEventListener("error", reset);
  try {
    await assert.rejects(connectBus({ url: wrong, name: "test", log }), /[Aa]uthorization/);
    await nats.process.kill();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    globalThis.removeEventListener("error", reset);
  }
});

Deno.test("a NATS server given by host name needs network permission for that name only", async () => {
  await using nats = await startNats();
  const url = nats.url.replace("127.0.0.1", "localhost");
  const script = `
    import { connectBus, createLogger } from ${
    JSON.stringify(new URL("mod.ts", import.meta.url).href)
  };
    const log = createLogger("test", { write: () => {} });
    const bus = await connectBus({ url: ${JSON.stringify(url)}, name: "test", log });
    await bus.drain();
  `;
  const folder = await Deno.makeTempDir();
  await Deno.writeTextFile(`${folder}/main.ts`, script);
  const config = new URL("../../deno.json", import.meta.url).pathname;
  const flags = ["--no-prompt", `--allow-net=localhost:${nats.port}`, "--ignore-env", "-c", config];
  await using child = startProcess(Deno.execPath(), ["run", ...flags, `${folder}/main.ts`]);
  assert.equal((await child.status()).code, 0, child.output.join("\n"));
  await Deno.remove(folder, { recursive: true });
});

Deno.test("sendSoon publishes messages together, in order, within the same bound", async () => {
  await using nats = await startNats();
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: nats.url, name: "test", log, maxOutboundBytes: 20_000 });
  const came: string[] = [];
  bus.nats.subscribe("test.soon", { callback: (_, message) => void came.push(message.string()) });
  const sent: string[] = [];
  while (bus.sendSoon("test.soon", String(sent.length))) {
    sent.push(String(sent.length));
    assert.ok(sent.length < 100, "there is no bound");
  }
  assert.ok(sent.length > 5);
  await until("all of it", () => came.length === sent.length);
  assert.deepEqual(came, sent);
  await until("it to be confirmed", () => bus.sendSoon("test.soon", "more"));
  // Queued messages are sent before the connection drains.
  await bus.drain();
});

Deno.test("a message above the maximum payload is refused at once", async () => {
  await using nats = await startNats({ config: "max_payload: 10000" });
  const log = createLogger("test", { write: () => {} });
  const bus = await connectBus({ url: nats.url, name: "test", log });
  assert.equal(bus.send("test.x", "x".repeat(10_000)), false);
  assert.equal(bus.sendSoon("test.x", "x".repeat(10_000)), false);
  assert.equal(bus.send("test.x", "x".repeat(8_000)), true);
  await bus.drain();
});
