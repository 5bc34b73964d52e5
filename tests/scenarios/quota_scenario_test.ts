/** What one user, or many connections without a user, may take of a gateway: others keep theirs. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { GATEWAY_USAGE, GatewayUsage, QUOTAS } from "../../services/contract/mod.ts";
import { connectClient, type TestClient } from "../harness/client.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const close = (clients: TestClient[]) => {
  for (const client of clients) client.close();
};

Deno.test("connections that never authenticate leave places for others", async () => {
  await using system = await startSystem({
    env: {
      gateway: { MAX_CONNECTIONS: "50", MAX_UNAUTHENTICATED: "10", AUTH_DEADLINE_MS: "60000" },
    },
  });
  const silent: TestClient[] = [];
  const users: TestClient[] = [];
  // As many as there are places in all: the oldest without a token make room.
  for (let i = 0; i < 50; i++) silent.push(await connectClient(system.url()));
  for (let i = 0; i < 30; i++) {
    const client = await connectClient(system.url());
    client.send({ type: "auth", token: await tokenFor(`user-${i}`) });
    await client.take("authenticated");
    users.push(client);
    silent.push(await connectClient(system.url()));
  }
  await until("all but ten to be closed", () => {
    return silent.filter(({ closed }) => closed === undefined).length === 10;
  });
  assert.deepEqual(users.filter(({ closed }) => closed !== undefined), []);
  close([...silent, ...users]);
});

Deno.test("an address has a limited number of connections, fewer without a token", async () => {
  await using system = await startSystem({
    env: { gateway: { ADDRESS_UNAUTHENTICATED: "5", ADDRESS_CONNECTIONS: "8" } },
  });
  const open = await Promise.all(Array.from({ length: 5 }, () => connectClient(system.url())));
  await assert.rejects(connectClient(system.url()));
  const answer = await fetch(`http://127.0.0.1:${system.gateways[0]!.port}/poll`, {
    method: "POST",
    body: "{}",
  });
  assert.deepEqual([answer.status, (await answer.json()).code], [429, "rate_limited"]);
  for (const [index, client] of open.entries()) {
    client.send({ type: "auth", token: await tokenFor(`user-${index}`) });
    await client.take("authenticated");
  }
  for (let i = 0; i < 3; i++) open.push(await connectClient(system.url()));
  await assert.rejects(connectClient(system.url()));
  open.pop()!.close();
  open.push(await until("its place to be free", () => connectClient(system.url())));
  close(open);
});

Deno.test("one user cannot take all rooms that a gateway serves", async () => {
  await using system = await startSystem({
    env: { gateway: { MAX_ROOMS_SERVED: "60", USER_ROOMS_OPENED: "20" } },
  });
  const eve = [await system.client({ user: "eve" }), await system.client({ user: "eve" })];
  for (const [index, client] of eve.entries()) {
    for (let i = 0; i < 40; i++) {
      client.send({ type: "subscribe", room: `invented-${index}-${i}`, id: `${i}` });
    }
  }
  const answers = await Promise.all(
    eve.flatMap((client) => Array.from({ length: 40 }, (_, i) => client.answer(`${i}`))),
  );
  const refused = answers.filter((answer) => answer.type === "error");
  assert.equal(answers.length - refused.length, 20);
  for (const { code, retryAfter } of refused) {
    assert.equal(code, "rate_limited");
    assert.ok(retryAfter! > 0);
  }
  const bob = await system.client({ user: "bob" });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  // A room that the gateway serves already takes nothing.
  eve[0]!.send({ type: "subscribe", room: "lobby", id: "lobby" });
  assert.equal((await eve[0]!.answer("lobby")).type, "subscribed");
});

Deno.test("one user's bursts leave places to publish for others, while nothing can be stored", async () => {
  await using system = await startSystem({ env: { gateway: { USER_RATE_MESSAGES: "100000" } } });
  const eve = await Promise.all(
    Array.from({ length: 9 }, () => system.client({ user: "eve" })),
  );
  const ann = await system.client({ user: "ann" });
  for (const client of [...eve, ann]) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  await system.nats.process.stop();
  for (const client of eve) {
    for (let i = 0; i < 950; i++) client.send({ type: "message", room: "lobby", content: i });
  }
  // What eve has sent has been read when her next connection is answered.
  const late = await connectClient(system.url());
  late.send({ type: "ping", id: "read" });
  await late.answer("read");
  ann.send({ type: "message", room: "lobby", content: "hello", id: "hello" });
  ann.send({ type: "ping", id: "still-read" });
  await ann.answer("still-read");
  system.nats.process.signal("SIGCONT");
  assert.equal((await ann.answer("hello")).type, "ack");
  late.close();
});

Deno.test("frames that wait are counted when they arrive, and refused ones name their id", async () => {
  await using system = await startSystem({
    env: { gateway: { RATE_FRAMES_PER_SECOND: "1", RATE_BURST: "10" } },
  });
  await system.auths[0]!.process.stop();
  const client = await connectClient(system.url());
  client.send({ type: "auth", token: await tokenFor("ann") });
  for (let i = 0; i < 20; i++) client.send({ content: { id: "x" }, type: "ping", id: `p${i}` });
  // Its token is still being verified.
  const refused = await client.takeMany("error", 11);
  assert.deepEqual(refused.map(({ code, id }) => [code, id]), [
    ...Array.from({ length: 11 }, (_, i) => ["rate_limited", `p${i + 9}`]),
  ]);
  system.auths[0]!.process.signal("SIGCONT");
  client.close();
});

Deno.test("a user's messages are limited over all connections, as the namespace says", async () => {
  await using system = await startSystem({
    namespaces: [{ pattern: "slow.>", rate: { messages: 1 } }],
  });
  const eve = [await system.client({ user: "eve" }), await system.client({ user: "eve" })];
  const bob = await system.client({ user: "bob" });
  for (const client of [...eve, bob]) {
    for (const room of ["slow.a", "fast"]) client.send({ type: "subscribe", room });
    await client.takeMany("subscribed", 2);
  }
  const answers = await Promise.all(eve.flatMap((client) =>
    Array.from({ length: 20 }, (_, i) => {
      client.send({ type: "message", room: "slow.a", content: i, id: `${i}` });
      return client.answer(`${i}`);
    })
  ));
  const refused = answers.filter((answer) => answer.type === "error");
  // Ten at once. The machine may be slow, so a few more have become free meanwhile.
  assert.ok(refused.length > 15 && refused.length <= 30, String(refused.length));
  for (const { code, retryAfter } of refused) {
    assert.equal(code, "rate_limited");
    assert.ok(retryAfter! > 0 && retryAfter! <= 1_000);
  }
  for (const [client, room] of [[eve[0]!, "fast"], [bob, "slow.a"]] as const) {
    client.send({ type: "message", room, content: "hello", id: "hello" });
    assert.equal((await client.answer("hello")).type, "ack");
  }
  for (let i = 0; i < 120; i++) {
    eve[0]!.send({ type: "message", room: "slow.a", content: i, id: `again-${i}` });
  }
  assert.equal((await eve[0]!.closing()).code, 4005);
});

Deno.test("a user's history is limited over all connections, and others still get theirs", async () => {
  await using system = await startSystem({
    env: { gateway: { USER_RATE_HISTORY_BYTES: "65536", USER_BURST_SECONDS: "10" } },
  });
  const bob = await system.client({ user: "bob" });
  bob.send({ type: "subscribe", room: "lobby" });
  await bob.take("subscribed");
  for (let i = 0; i < 20; i++) {
    bob.send({ type: "message", room: "lobby", content: "x".repeat(30_000), id: `m${i}` });
  }
  await bob.takeMany("ack", 20);
  const eve = await Promise.all(Array.from({ length: 16 }, () => system.client({ user: "eve" })));
  let pages = 0;
  for (const client of eve) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
    client.send({ type: "history", room: "lobby", id: "h" });
    const answer = await client.answer("h");
    if (answer.type === "history") pages++;
    else {assert.deepEqual([answer.type, "code" in answer && answer.code], [
        "error",
        "rate_limited",
      ]);}
  }
  assert.ok(pages >= 1 && pages <= 3, String(pages));
  bob.send({ type: "history", room: "lobby", id: "h" });
  assert.equal((await bob.answer("h")).type, "history");
});

Deno.test("what a user uses at one gateway is taken from its quotas at the others", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { USER_RATE_MESSAGES: "1", USER_BURST_SECONDS: "40" } },
  });
  const clients = [
    await system.client({ user: "eve", gateway: 0 }),
    await system.client({ user: "eve", gateway: 1 }),
  ];
  const accepted = async (client: TestClient, count: number) => {
    const answers = await Promise.all(Array.from({ length: count }, (_, i) => {
      const id = `${i}-${client.frames.length}`;
      client.send({ type: "message", room: "lobby", content: i, id });
      return client.answer(id);
    }));
    return answers.filter(({ type }) => type === "ack").length;
  };
  for (const client of clients) {
    client.send({ type: "subscribe", room: "lobby" });
    await client.take("subscribed");
  }
  const nats = await connect({ servers: system.nats.url });
  let shared = 0;
  nats.subscribe(GATEWAY_USAGE, {
    callback: (_error, message) => {
      for (const { userId, used } of GatewayUsage.parse(message.json()).users) {
        if (userId === "eve") shared += used[QUOTAS.indexOf("messages")]!;
      }
    },
  });
  await nats.flush();
  assert.equal(await accepted(clients[0]!, 35), 35);
  await until("the usage to be shared", () => shared === 35);
  // Its ack follows the usage on the way to the other gateway.
  assert.equal(await accepted(clients[1]!, 1), 1);
  const left = await accepted(clients[1]!, 30);
  assert.ok(left < 30, `${left} of 30 were accepted`);
  await nats.close();
});
