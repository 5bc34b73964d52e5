/** Real clients exchange messages through gateways, NATS and the services. */
import assert from "node:assert/strict";
import WebSocket from "ws";
import { NO_QUOTAS, startSystem, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";
import { untilListed } from "./presence_members.ts";

Deno.test("clients on two gateways", async (t) => {
  await using system = await startSystem({ gateways: 2, env: { gateway: NO_QUOTAS } });

  await t.step("exchange messages in a room, in one order, with acks", async () => {
    const ann = await system.client({ user: "ann", gateway: 0 });
    const bob = await system.client({ user: "bob", gateway: 1 });
    ann.send({ type: "subscribe", room: "chat.lobby", id: "s" });
    const subscribed = await ann.take("subscribed");
    assert.deepEqual({ ...subscribed, epoch: "" }, {
      type: "subscribed",
      room: "chat.lobby",
      seq: 0,
      epoch: "",
      recovered: false,
      count: 1,
      id: "s",
    });
    bob.send({ type: "subscribe", room: "chat.lobby" });
    await bob.take("subscribed");
    await untilListed(bob, "chat.lobby", "ann,bob");
    assert.equal((await ann.take("user-joined")).userId, "bob");

    ann.send({ type: "message", room: "chat.lobby", content: { text: "hello" }, id: "m1" });
    bob.send({ type: "message", room: "chat.lobby", content: "hi", id: "m2" });
    const acks = [await ann.take("ack"), await bob.take("ack")];
    const atAnn = await ann.takeMany("room-message", 2);
    const atBob = await bob.takeMany("room-message", 2);
    assert.deepEqual(atAnn, atBob);
    assert.equal(atAnn[1]!.prev, atAnn[0]!.seq);
    for (const ack of acks) {
      assert.equal(atAnn.find(({ seq }) => seq === ack.seq)!.id, ack.id);
    }
    const first = atAnn.find(({ id }) => id === "m1")!;
    assert.deepEqual([first.userId, first.username, first.content], ["ann", "ann", {
      text: "hello",
    }]);
    assert.ok(Math.abs(Date.now() - first.timestamp) < 60_000);
  });

  await t.step("a client from any tutorial works unchanged", async () => {
    const socket = new WebSocket(system.url());
    const got: Record<string, unknown>[] = [];
    socket.on("message", (data) => got.push(JSON.parse(String(data))));
    await within("the socket", new Promise((resolve) => socket.on("open", resolve)));
    socket.send(JSON.stringify({ type: "auth", token: await tokenFor("tutor") }));
    socket.send(JSON.stringify({ type: "subscribe", channel: "tutorial" }));
    socket.send(JSON.stringify({ type: "message", room: "tutorial", content: "Hello!" }));
    socket.send(JSON.stringify({ type: "ping" }));
    await until("its own message", () => got.some(({ type }) => type === "room-message"));
    await until("the pong", () => got.some(({ type }) => type === "pong"));
    assert.deepEqual(
      got.filter(({ type }) => type !== "pong").map(({ type }) => type),
      ["authenticated", "subscribed", "room-message"],
    );
    socket.close();
  });

  await t.step("frames of one connection are stored in the order it sent them", async () => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "pipeline" });
    for (let i = 0; i < 700; i++) {
      ann.send({ type: "message", room: "pipeline", content: i, id: `p${i}` });
    }
    const messages = await ann.takeMany("room-message", 700);
    assert.deepEqual(
      messages.map(({ content }) => content),
      Array.from({ length: 700 }, (_, i) => i),
    );
    const acks = await ann.takeMany("ack", 700);
    assert.equal(new Set(acks.map(({ seq }) => seq)).size, 700);
  });

  await t.step("a resend is stored and delivered once", async () => {
    const ann = await system.client({ user: "ann" });
    const bob = await system.client({ user: "bob", gateway: 1 });
    for (const client of [ann, bob]) {
      client.send({ type: "subscribe", room: "twice" });
      await client.take("subscribed");
    }
    ann.send({ type: "message", room: "twice", content: 1, id: "same" });
    const first = await ann.take("ack");
    assert.equal(first.duplicate, undefined);
    ann.send({ type: "message", room: "twice", content: 1, id: "same" });
    assert.deepEqual(await ann.take("ack"), { ...first, duplicate: true });
    // The same id from another user is another message.
    bob.send({ type: "message", room: "twice", content: 2, id: "same" });
    assert.equal((await bob.take("ack")).duplicate, undefined);
    const messages = await bob.takeMany("room-message", 2);
    assert.deepEqual(messages.map(({ content }) => content), [1, 2]);
  });

  await t.step("history pages both ways, and includes what was just delivered", async () => {
    const ann = await system.client({ user: "ann" });
    ann.send({ type: "subscribe", room: "past" });
    for (let i = 0; i < 12; i++) ann.send({ type: "message", room: "past", content: i });
    const live = await ann.takeMany("room-message", 12);
    ann.send({ type: "history", room: "past", limit: 5, id: "h1" });
    const newest = await ann.take("history");
    assert.deepEqual(newest.messages, live.slice(7).reverse());
    assert.equal(newest.more, true);
    ann.send({ type: "history", room: "past", before: live[2]!.seq, id: "h2" });
    const oldest = await ann.take("history");
    assert.deepEqual(oldest.messages, live.slice(0, 2).reverse());
    assert.equal(oldest.more, false);
    ann.send({ type: "history", room: "past", after: live[3]!.seq, limit: 4, id: "h3" });
    const forward = await ann.take("history");
    assert.deepEqual(forward.messages, live.slice(4, 8));
    assert.equal(forward.more, true);
  });

  await t.step(
    "a client that resumes with since receives what it missed, then live messages",
    async () => {
      const ann = await system.client({ user: "ann" });
      ann.send({ type: "subscribe", room: "back" });
      const { epoch } = await ann.take("subscribed");
      for (let i = 0; i < 600; i++) ann.send({ type: "message", room: "back", content: i });
      const live = await ann.takeMany("room-message", 600);
      for (const [gateway, from] of [[0, 590], [0, 10], [1, 10], [1, 599], [0, -1]] as const) {
        const bob = await system.client({ user: "bob", gateway });
        const seq = from < 0 ? 0 : live[from]!.seq;
        bob.send({ type: "subscribe", room: "back", since: { seq, epoch } });
        const subscribed = await bob.take("subscribed");
        assert.equal(subscribed.recovered, true);
        assert.equal(subscribed.seq, live.at(-1)!.seq);
        const missed = await bob.takeMany("room-message", 599 - from);
        assert.deepEqual(missed, live.slice(from + 1));
        bob.close();
      }
      const stranger = await system.client({ user: "cid" });
      const elsewhere = { seq: live[0]!.seq, epoch: "another" };
      stranger.send({ type: "subscribe", room: "back", since: elsewhere });
      assert.equal((await stranger.take("subscribed")).recovered, false);
      const future = { seq: live.at(-1)!.seq + 1_000, epoch };
      stranger.send({ type: "unsubscribe", room: "back" });
      stranger.send({ type: "subscribe", room: "back", since: future });
      assert.equal((await stranger.take("subscribed")).recovered, false);
    },
  );

  await t.step("signals reach current members and are not stored", async () => {
    const ann = await system.client({ user: "ann" });
    const bob = await system.client({ user: "bob", gateway: 1 });
    for (const client of [ann, bob]) {
      client.send({ type: "subscribe", room: "signals" });
      await client.take("subscribed");
    }
    ann.send({ type: "signal", room: "signals", content: { typing: true } });
    const signal = await bob.take("room-signal");
    assert.deepEqual(signal, {
      type: "room-signal",
      room: "signals",
      userId: "ann",
      username: "ann",
      content: { typing: true },
    });
    bob.send({ type: "history", room: "signals", id: "h" });
    assert.deepEqual((await bob.take("history")).messages, []);
  });

  await t.step("presence lists members in pages and announces leaves", async () => {
    const clients = await Promise.all(
      ["p1", "p2", "p3"].map((user, i) => system.client({ user, gateway: i % 2 })),
    );
    for (const client of clients) {
      client.send({ type: "subscribe", room: "who" });
      await client.take("subscribed");
    }
    const [one, two, three] = clients as [typeof clients[0], typeof clients[0], typeof clients[0]];
    await untilListed(three, "who", "p1,p2,p3");
    three.send({ type: "presence", room: "who", id: "1", limit: 2 });
    const first = await three.take("presence");
    assert.deepEqual([first.count, first.more], [3, true]);
    assert.deepEqual(first.members.map(({ userId }) => userId), ["p1", "p2"]);
    three.send({ type: "presence", room: "who", id: "2", limit: 2, after: "p2" });
    const rest = await three.take("presence");
    assert.deepEqual([rest.members.map(({ userId }) => userId), rest.more], [["p3"], false]);
    two.send({ type: "unsubscribe", room: "who" });
    await two.take("unsubscribed");
    assert.equal((await one.take("user-left")).userId, "p2");
    three.close();
    assert.equal((await one.take("user-left")).userId, "p3");
  });

  await t.step(
    "two connections of a user are one member; a quick reconnect is not announced",
    async () => {
      const watcher = await system.client({ user: "watcher" });
      watcher.send({ type: "subscribe", room: "tabs" });
      await watcher.take("subscribed");
      const tabs = [
        await system.client({ user: "tabber", gateway: 0 }),
        await system.client({ user: "tabber", gateway: 1 }),
      ];
      for (const tab of tabs) {
        tab.send({ type: "subscribe", room: "tabs" });
        assert.equal((await tab.take("subscribed")).count, 2);
      }
      tabs[0]!.close();
      tabs[1]!.close();
      const again = await system.client({ user: "tabber", gateway: 1 });
      again.send({ type: "subscribe", room: "tabs" });
      await again.take("subscribed");
      again.send({ type: "unsubscribe", room: "tabs" });
      await watcher.take("user-left");
      const noise = watcher.frames.filter(({ type }) => /^user-/.test(type)).map(({ type }) =>
        type
      );
      assert.deepEqual(noise, ["user-joined", "user-left"]);
    },
  );
});
