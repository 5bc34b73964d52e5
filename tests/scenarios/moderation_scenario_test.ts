/** Kicks and bans: who has to leave a room, and who may come back. */
import assert from "node:assert/strict";
import {
  RoomsBan,
  RoomsBans,
  RoomsKick,
  RoomsUnban,
  type ServerFrameOf,
} from "../../services/contract/mod.ts";
import { connectBus, createLogger, natsOptions, request } from "../../services/kit/mod.ts";
import { ban } from "../../services/start/commands/ban.ts";
import type { TestClient } from "../harness/client.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const room = "chat.lobby";

async function join(client: TestClient): Promise<ServerFrameOf<"subscribed">> {
  client.send({ type: "subscribe", room });
  return await client.take("subscribed");
}

async function refused(client: TestClient, message: RegExp): Promise<void> {
  client.send({ type: "subscribe", room, id: "refused" });
  const error = await client.take("error", ({ id }) => id === "refused");
  assert.equal(error.code, "forbidden");
  assert.match(error.message, message);
}

Deno.test("kicks and bans", async (t) => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { PRESENCE_LINGER_MS: "0" } },
  });
  const log = createLogger("test", { level: "error" });
  const options = natsOptions(
    { NATS_URL: system.nats.url, ...system.natsEnv("operator") },
    "operator",
  );
  const bus = await connectBus({ options, name: "operator", log });
  const ann = await system.client({ user: "ann" });
  await join(ann);
  /** Bob is there twice, on two gateways. */
  const bobs = [
    await system.client({ user: "bob" }),
    await system.client({
      user: "bob",
      gateway: 1,
    }),
  ];
  const both = async (play: (bob: TestClient) => Promise<unknown>) => {
    for (const bob of bobs) await play(bob);
  };
  const silent = async () => {
    ann.send({ type: "message", room, content: "not for bob", id: crypto.randomUUID() });
    const { seq } = await ann.take("ack");
    await both(async (bob) => {
      bob.send({ type: "message", room, content: "no", id: "no" });
      assert.equal((await bob.take("error")).code, "room_not_found");
      assert.ok(!bob.frames.some((frame) => frame.type === "room-message" && frame.seq === seq));
    });
  };

  await t.step("a kicked user leaves, is told why, and may come back", async () => {
    await both(join);
    await ann.take("user-joined", ({ userId }) => userId === "bob");
    await request(bus, RoomsKick, { room, userId: "bob", reason: "too loud" });
    await both(async (bob) => {
      const left = await bob.take("unsubscribed");
      assert.deepEqual(left, { type: "unsubscribed", room, reason: "kicked", message: "too loud" });
    });
    await ann.take("user-left", ({ userId }) => userId === "bob");
    await silent();
    await both(join);
  });

  await t.step("a banned user leaves and cannot join, until the ban is lifted", async () => {
    await request(bus, RoomsBan, { room, userId: "bob", reason: "spam" });
    await both(async (bob) => {
      const { reason, message } = await bob.take("unsubscribed");
      assert.deepEqual([reason, message], ["banned", "spam"]);
      await refused(bob, /^Not allowed: banned from chat\.lobby: spam$/);
    });
    await silent();
    const again = await system.client({ user: "bob", gateway: 1 });
    await refused(again, /banned/);
    again.send({ type: "subscribe", room: "chat.other" });
    await again.take("subscribed");
    const { denials } = await request(bus, RoomsBans, { room });
    assert.deepEqual(denials.map(({ kind, reason }) => [kind, reason]), [["ban", "spam"]]);
    assert.deepEqual((await request(bus, RoomsBans, { userId: "ann" })).denials, []);
    assert.deepEqual(await request(bus, RoomsUnban, { room, userId: "bob" }), { lifted: true });
    await both(async (bob) => {
      await until("bob to be let in", async () => {
        bob.send({ type: "subscribe", room, id: "back" });
        return (await bob.answer("back")).type === "subscribed";
      });
    });
  });

  await t.step("a ban is durable, and ends by itself", async () => {
    await request(bus, RoomsBan, { room, userId: "bob", until: Date.now() + 3_600_000 });
    await both((bob) => bob.take("unsubscribed"));
    await Promise.all([system.nats.restart(), system.gateways[1]!.restart()]);
    await system.gateways[1]!.ready();
    const back = await system.client({ user: "bob", gateway: 1 });
    await refused(back, /banned from chat\.lobby until \d{4}-/);
    await until("the ban to be stored", async () => {
      await request(bus, RoomsBan, { room, userId: "bob", until: Date.now() + 1_500 });
      return true;
    });
    await until("the ban to end", async () => {
      back.send({ type: "subscribe", room, id: "back" });
      return (await back.answer("back")).type === "subscribed";
    });
    const past = request(bus, RoomsBan, { room, userId: "bob", until: 1 });
    await assert.rejects(past, /this time has passed/);
  });

  await t.step("an operator kicks and bans from the command line", async () => {
    const who = ["--room", room, "--user", "eve"];
    const eve = await system.client({ user: "eve" });
    await join(eve);
    assert.match(await ban(bus, [...who, "--kick"]), /taken out/);
    assert.equal((await eve.take("unsubscribed")).reason, "kicked");
    await join(eve);
    assert.equal(await ban(bus, [...who, "--reason", "spam"]), `banned: eve from ${room}: spam`);
    assert.equal((await eve.take("unsubscribed")).reason, "banned");
    assert.match(await ban(bus, ["--list", "--user", "eve"]), /^banned: eve/);
    assert.match(await ban(bus, [...who, "--lift"]), /lifted/);
    assert.match(await ban(bus, ["--list", "--user", "eve"]), /nobody/);
    await assert.rejects(ban(bus, ["--room", room]), /usage/);
  });

  await t.step("a ban ends a join that is under way", async () => {
    const cid = await system.client({ user: "cid" });
    const { epoch } = await join(cid);
    for (let i = 0; i < 600; i++) cid.send({ type: "message", room, content: i, id: `m${i}` });
    await cid.takeMany("ack", 600);
    const dan = await system.client({ user: "dan" });
    await system.persistences[0]!.process.stop();
    dan.send({ type: "subscribe", room, since: { seq: 1, epoch }, id: "join" });
    await cid.take("user-joined", ({ userId }) => userId === "dan");
    await request(bus, RoomsBan, { room, userId: "dan" });
    await dan.take("unsubscribed");
    system.persistences[0]!.process.signal("SIGCONT");
    const answer = await dan.answer("join");
    assert.equal(answer.type === "error" && answer.code, "forbidden");
    assert.ok(!dan.frames.some(({ type }) => type === "room-message" || type === "subscribed"));
  });
  await bus.drain();
});
