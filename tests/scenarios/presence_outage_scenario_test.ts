/** Presence while NATS is down. */
import assert from "node:assert/strict";
import type { TestClient } from "../harness/client.ts";
import { startSystem } from "../harness/system.ts";

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
