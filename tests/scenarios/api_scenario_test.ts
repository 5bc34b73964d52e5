/** The HTTP API for back-ends: every operation against the real system. */
import assert from "node:assert/strict";
import { apiOf } from "../harness/api.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("the HTTP API does what back-ends need", async (t) => {
  await using system = await startSystem({
    apis: 1,
    gateways: 2,
    namespaces: [
      { pattern: "cursor.>", stored: false },
      { pattern: "wiki.>", content: "html" },
    ],
  });
  const api = await apiOf(system);
  const join = async (user: string, room: string, gateway = 0) => {
    const client = await system.client({ user, gateway });
    client.send({ type: "subscribe", room, id: "join" });
    await client.take("subscribed");
    return client;
  };

  await t.step("publish: the answer comes when the message is stored; members get it", async () => {
    const ada = await join("ada", "chat.lobby");
    const answer = await api.done("publish", {
      room: "chat.lobby",
      userId: "bot",
      username: "Bot",
      content: { text: "hello" },
      id: "m-1",
    });
    const message = await ada.take("room-message");
    assert.deepEqual(
      [message.seq, message.id, message.userId, message.username, message.content],
      [answer.seq, "m-1", "bot", "Bot", { text: "hello" }],
    );
    const again = await api.done("publish", {
      room: "chat.lobby",
      userId: "bot",
      content: "never shown",
      id: "m-1",
    });
    assert.deepEqual(again, { id: "m-1", seq: answer.seq, duplicate: true });
    // A message of the user with this id is the same one, whichever way it comes.
    const bot = await join("bot", "chat.lobby");
    bot.send({ type: "message", room: "chat.lobby", content: "neither", id: "m-1" });
    assert.equal((await bot.take("ack")).duplicate, true);
    const next = await api.done("publish", { room: "chat.lobby", userId: "u1", content: "next" });
    const shown = await ada.take("room-message");
    assert.deepEqual([shown.seq, shown.id, shown.username], [next.seq, next.id, "u1"]);
  });

  await t.step("publish: rooms that store nothing, and rooms of HTML", async () => {
    const ada = await join("ada", "cursor.doc");
    const live = { room: "cursor.doc", userId: "bot", content: [1, 2] };
    assert.equal((await api.done("publish", live)).seq, 0);
    assert.deepEqual((await ada.take("room-message")).content, [1, 2]);
    const wiki = await join("ada", "wiki.page");
    const html = "<b onclick=alert(1)>bold</b><script>alert(2)</script>";
    await api.done("publish", { room: "wiki.page", userId: "bot", content: html });
    assert.equal((await wiki.take("room-message")).content, "<b>bold</b>");
    await api.refused("invalid_format", "publish", { room: "wiki.page", userId: "b", content: 1 });
  });

  await t.step("publish: content is limited as that of clients", async () => {
    const publish = { room: "chat.lobby", userId: "bot" };
    const large = await api.refused("too_large", "publish", {
      ...publish,
      content: "x".repeat(32 * 1024),
    });
    assert.equal(large.status, 413);
    await api.refused("invalid_format", "publish", publish);
    await api.refused("invalid_format", "publish", { ...publish, content: "\ud83e" });
    await api.refused("invalid_format", "publish", { ...publish, userId: "a\nb", content: 1 });
    await api.refused("invalid_format", "publish", { ...publish, content: 1, extra: 1 });
  });

  await t.step("broadcast: each room has a result", async () => {
    const [one, two] = [await join("ada", "news.one"), await join("ada", "news.two", 1)];
    const rooms = ["news.one", "news.two"];
    const { results } = await api.done("broadcast", { rooms, userId: "bot", content: "all" });
    assert.deepEqual(results.map(({ room }: { room: string }) => room), rooms);
    for (const [index, client] of [one, two].entries()) {
      assert.equal((await client.take("room-message")).seq, results[index].seq);
    }
    const many = Array.from({ length: 101 }, (_, i) => `news.${i}`);
    await api.refused("invalid_format", "broadcast", { rooms: many, userId: "b", content: 1 });
  });

  await t.step("signal and event reach who is connected", async () => {
    const ada = await join("ada", "chat.signals");
    await api.done("signal", { room: "chat.signals", userId: "bot", content: { typing: true } });
    const signal = await ada.take("room-signal");
    assert.deepEqual([signal.userId, signal.content], ["bot", { typing: true }]);
    await api.done("event", { userId: "ada", topic: "order", data: { n: 1 } });
    const event = await ada.take("event");
    assert.deepEqual([event.topic, event.data], ["order", { n: 1 }]);
  });

  await t.step("history: what was published is in it, page by page", async () => {
    const seqs: number[] = [];
    for (const content of ["a", "b", "c"]) {
      seqs.push((await api.done("publish", { room: "old.room", userId: "bot", content })).seq);
    }
    const newest = await api.done("history", { room: "old.room", limit: 2 });
    assert.deepEqual(newest.messages.map((m: { content: string }) => m.content), ["c", "b"]);
    assert.equal(newest.more, true);
    const { epoch } = newest;
    const rest = await api.done("history", { room: "old.room", before: seqs[1], epoch });
    assert.deepEqual(rest.messages.map((m: { seq: number }) => m.seq), [seqs[0]]);
    assert.deepEqual(
      Object.keys(rest.messages[0]).sort(),
      ["content", "id", "seq", "timestamp", "userId", "username"],
    );
    const after = await api.done("history", { room: "old.room", after: seqs[1], epoch });
    assert.deepEqual(after.messages.map((m: { content: string }) => m.content), ["c"]);
  });

  await t.step("presence: members of all gateways, page by page", async () => {
    await join("p1", "chat.presence");
    await join("p2", "chat.presence", 1);
    await until("both members", async () => {
      return (await api.done("presence", { room: "chat.presence" })).count === 2;
    });
    const first = await api.done("presence", { room: "chat.presence", limit: 1 });
    assert.deepEqual([first.members.length, first.members[0].userId, first.more], [1, "p1", true]);
    const second = await api.done("presence", { room: "chat.presence", after: "p1" });
    assert.deepEqual([second.members.length, second.members[0].userId], [1, "p2"]);
  });

  await t.step("connections and disconnect: on every gateway, or one connection", async () => {
    const clients = [
      await join("multi", "chat.multi"),
      await system.client({ user: "multi", gateway: 1 }),
      await system.client({ user: "multi", gateway: 1 }),
    ];
    const listed = await api.done("connections", { userId: "multi" });
    assert.deepEqual([listed.count, listed.connections.length, listed.complete], [3, 3, true]);
    const gateways = new Set(listed.connections.map((one: { gateway: string }) => one.gateway));
    assert.equal(gateways.size, 2);
    const inRoom = listed.connections.find((one: { roomCount: number }) => one.roomCount === 1);
    assert.deepEqual(inRoom.rooms, ["chat.multi"]);
    assert.ok(Math.abs(inRoom.since - Date.now()) < 60_000);
    const { connectionId } = inRoom;
    assert.deepEqual(
      await api.done("disconnect", { userId: "multi", connectionId }),
      { closed: 1, complete: true },
    );
    assert.equal((await clients[0]!.closing()).code, 4006);
    assert.deepEqual(await api.done("disconnect", { userId: "multi" }), {
      closed: 2,
      complete: true,
    });
    for (const client of clients.slice(1)) assert.equal((await client.closing()).code, 4006);
    const none = await api.done("connections", { userId: "multi" });
    assert.deepEqual(none, { count: 0, connections: [], complete: true });
  });

  await t.step("kick, ban, bans and unban", async () => {
    const eve = await join("eve", "chat.strict");
    await api.done("kick", { room: "chat.strict", userId: "eve", reason: "calm down" });
    await eve.take("unsubscribed");
    eve.send({ type: "subscribe", room: "chat.strict", id: "back" });
    await eve.take("subscribed");
    const { banned } = await api.done("ban", { room: "chat.strict", userId: "eve" });
    assert.deepEqual([banned.kind, banned.userId, banned.expiresAt], ["ban", "eve", null]);
    await eve.take("unsubscribed");
    const listed = await api.done("bans", { room: "chat.strict" });
    assert.deepEqual(listed.denials.map((one: { userId: string }) => one.userId), ["eve"]);
    const unban = { room: "chat.strict", userId: "eve" };
    assert.deepEqual(await api.done("unban", unban), { lifted: true });
    assert.deepEqual(await api.done("unban", unban), { lifted: false });
  });

  await t.step("revoke, revocations and unrevoke", async () => {
    const mallory = await system.client({ user: "mallory" });
    await api.done("revoke", { userId: "mallory", before: Date.now() + 2_000, reason: "left" });
    assert.equal((await mallory.closing()).code, 4004);
    const { denials } = await api.done("revocations", {});
    assert.deepEqual(denials.map((one: { userId: string }) => one.userId), ["mallory"]);
    assert.deepEqual(await api.done("unrevoke", { userId: "mallory" }), { lifted: true });
    const one = await api.done("revoke", { tokenId: "t-1" });
    assert.equal(one.revoked.tokenId, "t-1");
    await api.refused("invalid_format", "revoke", { userId: "a", tokenId: "b" });
  });

  await t.step("token: auth signs it, and a client gets in with it", async () => {
    const issued = await api.done("token", {
      userId: "newcomer",
      username: "New",
      rooms: [{ room: "chat.lobby", rights: ["subscribe"] }],
      ttl: 60,
    });
    assert.ok(issued.expiresAt <= Date.now() + 61_000);
    const client = await system.client();
    client.send({ type: "auth", token: issued.token });
    assert.equal((await client.take("authenticated")).username, "New");
    client.send({ type: "subscribe", room: "chat.lobby", id: "s" });
    await client.take("subscribed");
    client.send({ type: "message", room: "chat.lobby", content: "no", id: "x" });
    assert.equal((await client.take("error")).code, "forbidden");
    const odd = ["__proto__", "constructor"].map((room) => ({ room, rights: [] }));
    await api.done("token", { userId: "newcomer", rooms: odd });
    await api.done("revoke", { tokenId: issued.tokenId });
    assert.equal((await client.closing()).code, 4004);
  });

  await t.step("erase: one message, and all of a user", async () => {
    const room = "chat.erase";
    const { seq } = await api.done("publish", { room, userId: "bot", content: "secret" });
    await api.done("publish", { room, userId: "gone", content: "mine" });
    await api.done("history", { room });
    assert.deepEqual(await api.done("erase", { room, seq }), { erased: 1 });
    assert.deepEqual(await api.done("erase", { userId: "gone" }), { erased: 1 });
    const { messages } = await api.done("history", { room });
    assert.deepEqual(messages.map((m: { erased: boolean }) => m.erased), [true, true]);
  });

  await t.step("stats: of every gateway", async () => {
    await join("counted", "chat.counted", 1);
    const stats = await api.done("stats", {});
    assert.deepEqual([stats.gateways.length, stats.complete], [2, true]);
    assert.ok(stats.connections > 0);
    for (const { rooms, users } of stats.gateways) assert.ok(rooms > 0 && users > 0);
  });

  await t.step("batch: in order, each with its own result", async () => {
    const { results } = await api.done("batch", {
      operations: [
        { op: "publish", data: { room: "chat.batch", userId: "bot", content: 1 } },
        { op: "publish", data: { room: "wiki.page", userId: "bot", content: 2 } },
        { op: "publish", data: { room: "chat.batch", userId: "bot", content: 3 } },
        { op: "history", data: { room: "chat.batch" } },
      ],
    });
    assert.ok(results[0].result.seq < results[2].result.seq);
    assert.equal(results[1].error.code, "invalid_format");
    const contents = results[3].result.messages.map((m: { content: number }) => m.content);
    assert.deepEqual(contents, [3, 1]);
    const many = Array.from({ length: 101 }, () => ({ op: "stats", data: {} }));
    await api.refused("invalid_format", "batch", { operations: many });
    await api.refused("invalid_format", "batch", { operations: [{ op: "batch", data: {} }] });
  });
});
