/** Webhooks of presence: nothing is lost when a gateway or hooks itself is killed. */
import assert from "node:assert/strict";
import { WEBHOOK_TYPES, type WebhookEvent } from "../../services/contract/mod.ts";
import { type Receiver, secretOf, startReceiver } from "../harness/receiver.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** The types of the events about a user or a room, in the order in which they were accepted, each once. */
function typesAbout(receiver: Receiver, what: { userId?: string; room?: string }): string[] {
  const seen = new Set<string>();
  return receiver.events.filter((event: WebhookEvent) => {
    const { userId, room } = event.data as { userId?: string; room?: string };
    if (seen.has(event.id)) return false;
    seen.add(event.id);
    return what.room === undefined ? userId === what.userId : room === what.room;
  }).map(({ type }) => type);
}

Deno.test("what happens to users and rooms reaches back-ends", async (t) => {
  await using all = startReceiver();
  await using system = await startSystem({
    gateways: 2,
    hooks: 2,
    webhooks: [{
      id: "all",
      url: all.url,
      secrets: [secretOf(1)],
      events: WEBHOOK_TYPES,
      batch: { maxEvents: 50, maxWaitMs: 20 },
      retry: { firstDelayMs: 50, maxDelayMs: 200, maxAttempts: 1_000 },
    }],
    env: { gateway: { PRESENCE_LINGER_MS: "200", GATEWAY_LEASE_MS: "1500" } },
  });
  const join = async (user: string, room: string, gateway = 0) => {
    const client = await system.client({ user, gateway });
    client.send({ type: "subscribe", room });
    await client.take("subscribed");
    return client;
  };
  const about = (what: { userId?: string; room?: string }, expected: string[]) =>
    until(`${expected} about ${JSON.stringify(what)}`, () => {
      const types = typesAbout(all, what);
      if (types.join() !== expected.join()) throw new Error(types.join());
      return true;
    });
  const working = async () => {
    const line = "this instance delivers webhooks";
    return await until(
      "an instance to work",
      () =>
        system.hooks.find(({ process }) =>
          process.ended === undefined && process.output.some((text) => text.includes(line))
        ),
    );
  };

  await t.step("all seven events, once each, of connections on two gateways", async () => {
    const ann = await join("ann", "chat.a");
    const again = await join("ann", "chat.a", 1);
    await about({ room: "chat.a" }, ["room.occupied", "room.joined"]);
    ann.send({ type: "message", room: "chat.a", content: "hello", id: "m" });
    await all.event("room.message");
    const bob = await join("bob", "chat.a", 1);
    await about({ userId: "bob" }, ["user.connected", "room.joined"]);
    ann.close();
    bob.close();
    await about({ userId: "bob" }, [
      "user.connected",
      "room.joined",
      "room.left",
      "user.disconnected",
    ]);
    // On the other gateway she still is.
    assert.deepEqual(typesAbout(all, { userId: "ann" }), [
      "user.connected",
      "room.joined",
      "room.message",
    ]);
    again.close();
    await all.event("user.disconnected", ({ data }) => data.userId === "ann");
    await until(
      "the room to be vacated",
      () => typesAbout(all, { room: "chat.a" }).at(-1) === "room.vacated",
    );
    assert.deepEqual(
      [...new Set(all.events.map(({ type }) => type))].sort(),
      [...WEBHOOK_TYPES].sort(),
    );
  });

  await t.step(
    "a gateway that is killed: its users have left when its lease has ended",
    async () => {
      await join("cid", "chat.b", 1);
      await about({ userId: "cid" }, ["user.connected", "room.joined"]);
      await system.gateways[1]!.restart();
      await about({ room: "chat.b" }, [
        "room.occupied",
        "room.joined",
        "room.left",
        "room.vacated",
      ]);
      await all.event("user.disconnected", ({ data }) => data.userId === "cid");
      await system.gateways[1]!.ready();
    },
  );

  await t.step("hooks is killed: another instance tells what has changed meanwhile", async () => {
    const gone = await join("dan", "chat.c");
    await join("eve", "chat.d");
    await about({ userId: "dan" }, ["user.connected", "room.joined"]);
    await about({ userId: "eve" }, ["user.connected", "room.joined"]);
    const killed = await working();
    await killed.kill();
    gone.close();
    await join("fay", "chat.e");
    await about({ userId: "fay" }, ["user.connected", "room.joined"]);
    await about({ room: "chat.c" }, ["room.occupied", "room.joined", "room.left", "room.vacated"]);
    await all.event("user.disconnected", ({ data }) => data.userId === "dan");
    // She was there all the time, and nobody is told otherwise.
    assert.deepEqual(typesAbout(all, { userId: "eve" }), ["user.connected", "room.joined"]);
    await killed.restart();
    await killed.ready();
  });
});
