/** Processes die and restart; no acked message is lost, and none is duplicated. */
import assert from "node:assert/strict";
import type { ServerFrameOf } from "../../services/contract/mod.ts";
import { startNats } from "../harness/nats.ts";
import { freePort } from "../harness/ports.ts";
import { SECRET, startService, startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("after kill -9 of persistence, its restart archives every message once", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  let sent = 0;
  const burst = async (count: number) => {
    for (let i = 0; i < count; i++) {
      ann.send({ type: "message", room: "lobby", content: sent, id: `m${sent}` });
      sent++;
    }
    return await ann.takeMany("ack", count);
  };
  await burst(100);
  const [persistence] = system.persistences;
  await persistence!.kill();
  await burst(200);
  // Without persistence, history is unavailable and the room still works.
  ann.send({ type: "history", room: "lobby", id: "away" });
  assert.equal((await ann.take("error")).code, "unavailable");
  await persistence!.restart();
  await burst(100);
  await persistence!.ready();
  const live = await ann.takeMany("room-message", 400);
  assert.deepEqual(live.map(({ content }) => content), Array.from({ length: 400 }, (_, i) => i));
  ann.send({ type: "history", room: "lobby", after: 0, limit: 500, id: "all" });
  const { messages, more } = await ann.answer("all") as ServerFrameOf<"history">;
  assert.deepEqual(messages, live);
  assert.equal(more, false);
});

Deno.test("a service started before NATS waits for it", async () => {
  const port = freePort();
  const folder = await Deno.makeTempDir({ prefix: "hopwire-early-" });
  const env = { NATS_URL: `nats://127.0.0.1:${port}` };
  const services = [
    startService("auth", { ...env, AUTH_SECRET: SECRET }),
    startService("rooms", env),
    startService("persistence", { ...env, SQLITE_PATH: `${folder}/archive.db` }),
    startService("gateway", env),
  ];
  try {
    for (const service of services) {
      await service.process.line("waiting for NATS");
      const health = await fetch(`http://127.0.0.1:${service.port}/healthz`);
      assert.equal(health.status, 200);
      await health.body?.cancel();
      const ready = await fetch(`http://127.0.0.1:${service.port}/readyz`);
      assert.equal(ready.status, 503);
      assert.ok((await ready.json()).missing.includes("nats"));
    }
    await using _nats = await startNats({ port });
    for (const service of services) await service.ready();
  } finally {
    await Promise.all(services.map((service) => service.kill()));
    await Deno.remove(folder, { recursive: true });
  }
});

Deno.test("a wrong variable ends each service with one line that names it", async () => {
  for (const service of ["auth", "rooms", "persistence", "gateway"] as const) {
    const child = startService(service, { AUTH_SECRET: SECRET, LOG_LEVEL: "loud" });
    const { code } = await child.process.status();
    assert.equal(code, 78);
    assert.equal(child.process.output.length, 1, child.process.output.join("\n"));
    const line = JSON.parse(child.process.output[0]!);
    assert.equal(line.service, service);
    assert.match(line.message, /^LOG_LEVEL: .*got "loud"/);
  }
});

Deno.test("a service that NATS refuses exits with 69 and says so, every time", async () => {
  await using nats = await startNats({ config: 'authorization { user: "a", password: "b" }' });
  const NATS_URL = nats.url.replace("nats://", "nats://a:wrong@");
  // The server closes the socket while the library lets go of it: half of the processes died of that instead.
  for (let tries = 0; tries < 5; tries++) {
    const { process } = startService("rooms", { NATS_URL });
    assert.equal((await process.status()).code, 69, process.output.join("\n"));
    const line = process.output.find((one) => one.includes('"level":"error"'));
    assert.match(line ?? "", /NATS refused the connection: .* that the server knows this user/);
  }
});

Deno.test("when NATS is killed, sends are refused, no acked message is lost, and rooms work again after its restart", async () => {
  await using system = await startSystem({ gateways: 2 });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  for (const client of [ann, bob]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  for (let i = 0; i < 50; i++) {
    ann.send({ type: "message", room: "lobby", content: i, id: `a${i}` });
  }
  await ann.takeMany("ack", 50);
  await system.nats.kill();
  await until("a refusal", async () => {
    ann.send({ type: "message", room: "lobby", content: "lost", id: "lost" });
    const answer = await ann.answer("lost");
    return answer.type === "error" && answer.code === "unavailable" && answer.retryAfter! > 0;
  });
  await system.nats.restart();
  await until("a message to be stored again", async () => {
    ann.send({ type: "message", room: "lobby", content: "back", id: "back" });
    return (await ann.answer("back")).type === "ack";
  });
  await bob.take("room-message", ({ id }) => id === "back");
  const atBob = bob.frames.filter((frame) => frame.type === "room-message");
  assert.deepEqual(atBob.map(({ id }) => id).filter((id) => id !== "lost").slice(0, 51), [
    ...Array.from({ length: 50 }, (_, i) => `a${i}`),
    "back",
  ]);
  assert.equal(new Set(atBob.map(({ seq }) => seq)).size, atBob.length);
});

Deno.test("SIGTERM drains a gateway: clients are told to reconnect, and it exits with 0", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "lobby" });
  await ann.take("subscribed");
  for (let i = 0; i < 100; i++) {
    ann.send({ type: "message", room: "lobby", content: i, id: `${i}` });
  }
  await ann.take("ack");
  const [gateway] = system.gateways;
  gateway!.process.signal("SIGTERM");
  assert.ok((await ann.take("reconnect")).after >= 0);
  assert.equal((await ann.closing()).code, 4100);
  assert.equal((await gateway!.process.status()).code, 0);
  for (const service of [...system.auths, ...system.rooms, ...system.persistences]) {
    service.process.signal("SIGTERM");
    assert.equal((await service.process.status()).code, 0, service.name);
  }
});
