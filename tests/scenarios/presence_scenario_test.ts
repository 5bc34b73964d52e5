/** Presence across gateways, crashes and pauses. */
import assert from "node:assert/strict";
import type { TestClient } from "../harness/client.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { readMembers } from "../torture/judge.ts";

async function join(client: TestClient, room: string): Promise<number | undefined> {
  client.send({ type: "subscribe", room });
  return (await client.take("subscribed")).count;
}

Deno.test("who leaves and comes while NATS is down is announced once it is back, and nobody else", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { PRESENCE_LINGER_MS: "0" } },
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  const cid = await system.client({ user: "cid", gateway: 1 });
  const dan = await system.client({ user: "dan", gateway: 1 });
  for (const client of [ann, bob, cid]) await join(client, "hall");
  await ann.take("user-joined", ({ userId }) => userId === "cid");
  // Opens the room there for Dan: his join then needs nobody but this gateway.
  await system.nats.kill();
  bob.close();
  await cid.take("user-left", ({ userId }) => userId === "bob");
  await system.nats.restart();
  await ann.take("user-left", ({ userId }) => userId === "bob");
  await join(dan, "hall");
  await ann.take("user-joined", ({ userId }) => userId === "dan");
  ann.send({ type: "presence", room: "hall", id: "p" });
  const { members } = await ann.take("presence");
  assert.deepEqual(members.map(({ userId }) => userId), ["ann", "cid", "dan"]);
  const told = ann.frames.filter(({ type }) => type === "user-joined" || type === "user-left");
  assert.equal(told.length, 4, JSON.stringify(told));
});

/** What a client was told of one user, in order. */
function toldOf(client: TestClient, user: string): string[] {
  return client.frames.flatMap((frame) =>
    (frame.type === "user-joined" || frame.type === "user-left") && frame.userId === user
      ? [frame.type]
      : []
  );
}

Deno.test("members of a killed gateway leave once, and a gateway paused past its lease comes back", async () => {
  await using system = await startSystem({ gateways: 3 });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  const cid = await system.client({ user: "cid", gateway: 2 });
  for (const client of [ann, bob, cid]) await join(client, "hall");
  await ann.take("user-joined", ({ userId }) => userId === "cid");
  await system.gateways[1]!.kill();
  for (const client of [ann, cid]) {
    await client.take("user-left", ({ userId }) => userId === "bob");
  }
  await system.gateways[2]!.process.stop();
  await ann.take("user-left", ({ userId }) => userId === "cid");
  system.gateways[2]!.process.signal("SIGCONT");
  await ann.take("user-joined", ({ userId }) => userId === "cid");
  assert.deepEqual(toldOf(ann, "bob"), ["user-joined", "user-left"]);
  assert.deepEqual(toldOf(ann, "cid"), ["user-joined", "user-left", "user-joined"]);
  // A new instance of rooms asks the living gateways.
  await system.rooms[0]!.restart();
  await system.rooms[0]!.ready();
  assert.deepEqual(await readMembers(system, "hall"), ["ann", "cid"]);
});

Deno.test("a renewed token leaves no ghosts behind", async () => {
  await using system = await startSystem({ env: { gateway: { PRESENCE_LINGER_MS: "0" } } });
  const clients = await Promise.all(
    Array.from({ length: 8 }, (_, i) => system.client({ user: `u${i}` })),
  );
  for (const [i, client] of clients.entries()) {
    await join(client, "hall");
    client.send({
      type: "auth",
      token: await tokenFor(`u${i}`, { rooms: ["hall", "x"] }),
      id: "t",
    });
    await client.take("authenticated", ({ id }) => id === "t");
    client.send({ type: "unsubscribe", room: "hall" });
    await client.take("unsubscribed");
  }
  await until("the room to be empty", async () => (await readMembers(system, "hall")).length === 0);
});

Deno.test("a user has one state in a room, which others see change", async () => {
  await using system = await startSystem({
    gateways: 2,
    namespaces: [{ pattern: "quiet.*", presence: "off" }],
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  ann.send({ type: "subscribe", room: "hall", presence: { status: "here" } });
  await ann.take("subscribed");
  await join(bob, "hall");
  bob.send({ type: "presence", room: "hall", id: "p" });
  const { members } = await bob.take("presence");
  assert.deepEqual(members, [
    { userId: "ann", username: "ann", presence: { status: "here" } },
    { userId: "bob", username: "bob" },
  ]);
  ann.send({ type: "update-presence", room: "hall", presence: { status: "away" } });
  const away = await bob.take("user-updated");
  assert.deepEqual(away.presence, { status: "away" });
  ann.send({ type: "update-presence", room: "hall", presence: null });
  assert.equal((await bob.take("user-updated")).presence, undefined);
  const refused = async (client: TestClient, frame: object) => {
    client.send({ type: "update-presence", id: "r", ...frame });
    return (await client.take("error", ({ id }) => id === "r")).code;
  };
  assert.equal(await refused(ann, { room: "none", presence: {} }), "room_not_found");
  const large = { text: "x".repeat(1_024) };
  assert.equal(await refused(ann, { room: "hall", presence: large }), "invalid_format");
  await join(ann, "quiet.1");
  assert.equal(await refused(ann, { room: "quiet.1", presence: {} }), "forbidden");
  const reader = await system.client({
    user: "reader",
    claims: { rooms: { hall: ["subscribe", "presence"] } },
  });
  await join(reader, "hall");
  assert.equal(await refused(reader, { room: "hall", presence: {} }), "forbidden");
});

Deno.test("two tabs are one member, and who moves to another gateway in time is not announced", async () => {
  await using system = await startSystem({ gateways: 2 });
  const watcher = await system.client({ user: "watcher", gateway: 0 });
  await join(watcher, "hall");
  const first = await system.client({ user: "ann", gateway: 0 });
  const second = await system.client({ user: "ann", gateway: 1 });
  await join(first, "hall");
  await join(second, "hall");
  second.send({ type: "presence", room: "hall", id: "p" });
  assert.equal((await second.take("presence")).count, 2);
  first.close();
  const third = await system.client({ user: "ann", gateway: 1 });
  second.close();
  await join(third, "hall");
  third.send({ type: "unsubscribe", room: "hall" });
  await watcher.take("user-left");
  assert.deepEqual(toldOf(watcher, "ann"), ["user-joined", "user-left"]);
});
