/** What a renewed token does to a join that is still reading what it missed. */
import assert from "node:assert/strict";
import { startSystem, tokenFor } from "../harness/system.ts";

/** More than a room's window holds, so that the archive is needed. */
const MESSAGES = 600;

Deno.test("a token without the room ends a replay that is under way, and no message follows", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  ann.send({ type: "subscribe", room: "secret" });
  const { epoch } = await ann.take("subscribed");
  for (let i = 0; i < MESSAGES; i++) {
    ann.send({ type: "message", room: "secret", content: i, id: `m${i}` });
  }
  await ann.takeMany("ack", MESSAGES);
  const bob = await system.client({ user: "bob" });
  await system.persistences[0]!.process.stop();
  bob.send({ type: "subscribe", room: "secret", since: { seq: 1, epoch }, id: "join" });
  // The gateway has run both frames when it answers the ping.
  bob.send({ type: "ping", id: "after" });
  await bob.take("pong");
  await ann.take("user-joined", ({ userId }) => userId === "bob");
  bob.send({ type: "auth", token: await tokenFor("bob", { rooms: ["lobby"] }), id: "new" });
  await bob.take("error", ({ room }) => room === "secret");
  system.persistences[0]!.process.signal("SIGCONT");
  const refused = await bob.take("error", ({ id }) => id === "join");
  assert.equal(refused.code, "forbidden");
  ann.send({ type: "message", room: "secret", content: "not for bob", id: "last" });
  await ann.take("ack", ({ id }) => id === "last");
  bob.send({ type: "ping", id: "end" });
  await bob.take("pong", ({ id }) => id === "end");
  const types = bob.frames.map(({ type }) => type);
  assert.ok(!types.includes("room-message") && !types.includes("subscribed"), types.join());
});
