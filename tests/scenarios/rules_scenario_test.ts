/** Namespaces, rights, services on the bus, and tokens in the handshake. */
import assert from "node:assert/strict";
import { connectClient } from "../harness/client.ts";
import { startSystem, tokenFor } from "../harness/system.ts";

Deno.test("namespaces, rights and services", async (t) => {
  await using system = await startSystem({
    gateways: 2,
    namespaces: [
      { pattern: "cursor.>", stored: false },
      { pattern: "quiet.>", presence: "off" },
      { pattern: "crowd.>", presence: "counts" },
      { pattern: "closed.>", access: [] },
    ],
  });

  await t.step("a room that stores nothing forwards messages with seq 0", async () => {
    const ann = await system.client({ user: "ann" });
    const bob = await system.client({ user: "bob", gateway: 1 });
    for (const client of [ann, bob]) {
      client.send({ type: "subscribe", room: "cursor.doc" });
      await client.take("subscribed");
    }
    ann.send({ type: "message", room: "cursor.doc", content: [1, 2], id: "c" });
    assert.equal((await ann.take("ack")).seq, 0);
    const message = await bob.take("room-message");
    assert.deepEqual([message.seq, message.prev, message.content], [0, 0, [1, 2]]);
    bob.send({ type: "history", room: "cursor.doc", id: "h" });
    assert.equal((await bob.take("error")).code, "forbidden");
  });

  await t.step("presence may be off, or show only counts", async () => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "quiet.a" });
    assert.equal((await ann.take("subscribed")).count, undefined);
    ann.send({ type: "presence", room: "quiet.a", id: "p" });
    assert.equal((await ann.take("error")).code, "forbidden");
    ann.send({ type: "subscribe", room: "crowd.a" });
    await ann.take("subscribed");
    ann.send({ type: "presence", room: "crowd.a", id: "p" });
    const crowd = await ann.take("presence");
    assert.deepEqual([crowd.count, crowd.members], [1, []]);
  });

  await t.step(
    "rights come from the token's rooms claim, otherwise from the namespace",
    async () => {
      const reader = await system.client({
        user: "reader",
        claims: { rooms: { "closed.*": ["subscribe", "history"] } },
      });
      reader.send({ type: "subscribe", room: "closed.a" });
      await reader.take("subscribed");
      reader.send({ type: "message", room: "closed.a", content: 1, id: "m" });
      const refused = await reader.take("error");
      assert.deepEqual([refused.code, refused.id, refused.room], ["forbidden", "m", "closed.a"]);
      reader.send({ type: "subscribe", room: "chat.lobby", id: "s" });
      assert.equal((await reader.take("error")).code, "forbidden");
      const ann = await system.client({ user: "ann" });
      ann.send({ type: "subscribe", room: "closed.a" });
      assert.equal((await ann.take("error")).code, "forbidden");
    },
  );

  await t.step(
    "clients call a service on the bus, and a service sends events to a user",
    async () => {
      const { connect, headers } = await import("@nats-io/transport-node");
      const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
      nats.subscribe("call.dice.roll", {
        callback: (_, message) => {
          const { data, userId } = message.json<{ data: { sides: number }; userId: string }>();
          if (data.sides === 6) {
            message.respond(JSON.stringify({ rolled: 4, for: userId }));
            return;
          }
          const refusal = headers();
          refusal.set("Nats-Service-Error", "No such die");
          refusal.set("Nats-Service-Error-Code", "no_die");
          message.respond("", { headers: refusal });
        },
      });
      nats.subscribe("call.dice.lose", { callback: () => {} });
      await nats.flush();
      const ann = await system.client({ user: "ann" });
      ann.send({ type: "call", service: "dice", method: "roll", data: { sides: 6 }, id: "c1" });
      assert.deepEqual((await ann.take("result")).data, { rolled: 4, for: "ann" });
      ann.send({ type: "call", service: "dice", method: "roll", data: { sides: 7 }, id: "c2" });
      const failed = await ann.take("error");
      assert.deepEqual([failed.code, failed.message, failed.id], [
        "service_failed",
        "No such die",
        "c2",
      ]);
      ann.send({ type: "call", service: "dice", method: "throw", id: "c3" });
      assert.equal((await ann.take("error")).code, "service_not_found");
      ann.send({ type: "call", service: "dice", method: "lose", id: "c4", timeout: 50 });
      assert.equal((await ann.take("error")).code, "timeout");
      nats.publish("user.event.ann", JSON.stringify({ topic: "dice.won", data: 6 }));
      assert.deepEqual(await ann.take("event"), { type: "event", topic: "dice.won", data: 6 });
      const eve = await system.client({ user: "eve" });
      nats.publish("auth.revoked.eve", "{}");
      assert.equal((await eve.closing()).code, 4004);
      await nats.close();
    },
  );

  await t.step(
    "a service's messages reach the room, and invalid ones break nothing",
    async () => {
      const { connect } = await import("@nats-io/transport-node");
      const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
      const ann = await system.client({ user: "ann" });
      ann.send({ type: "subscribe", room: "bus" });
      await ann.take("subscribed");
      const { messageSubject } = await import("../../services/contract/mod.ts");
      const event = {
        room: "bus",
        id: "x",
        userId: "bot",
        username: "Bot",
        content: 1,
        timestamp: 5,
      };
      nats.publish(messageSubject("bus"), JSON.stringify(event));
      nats.publish(messageSubject("bus"), "not an event");
      nats.publish(messageSubject("bus"), JSON.stringify({ ...event, room: "other" }));
      nats.publish(messageSubject("bus"), JSON.stringify({ ...event, content: 2 }));
      const live = await ann.takeMany("room-message", 4);
      assert.deepEqual(live.map(({ content }) => content), [1, null, null, 2]);
      assert.deepEqual(
        live.slice(1).map(({ prev }) => prev),
        live.slice(0, 3).map(({ seq }) => seq),
      );
      ann.send({ type: "history", room: "bus", after: 0, id: "h" });
      const { messages } = await ann.take("history");
      const shown = (list: typeof live) =>
        list.map(({ seq, prev, id, content }) => [seq, prev, id, content]);
      assert.deepEqual(shown(messages), shown(live));
      await nats.close();
    },
  );

  await t.step("a client may send its token with the handshake", async () => {
    const token = await tokenFor("ann");
    for (
      const options of [
        { headers: { Authorization: `Bearer ${token}` } },
        { protocols: ["hopwire.v1", `bearer.${token}`] },
      ]
    ) {
      const client = await connectClient(system.url(), options);
      assert.equal((await client.take("authenticated")).userId, "ann");
      client.close();
    }
    const inQuery = await connectClient(`${system.url()}?token=${token}`);
    inQuery.send({ type: "subscribe", room: "a" });
    assert.equal((await inQuery.take("error")).code, "unauthorized");
    inQuery.close();
  });
});
