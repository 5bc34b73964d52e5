import assert from "node:assert/strict";
import type { Message } from "./mod.ts";
import { confirmSubscription, joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("an own message in the replay counts as acknowledged and is not sent again", async () => {
  const { clock, room, socket } = await joinedRoom();
  const acks = [room.send("a", { id: "a" }), room.send("b", { id: "b" })];
  await settled();
  assert.equal(socket().sentOf("message").length, 2);
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 11, true);
  socket().receive({ ...messageFrame(11), id: "a", userId: "ann" });
  assert.deepEqual(socket().sentOf("message").map(({ id }) => id), ["b"]);
  socket().receive({ type: "ack", id: "b", room: "lobby", seq: 12 });
  assert.deepEqual((await Promise.all(acks)).map(({ seq, duplicate }) => [seq, duplicate]), [
    [11, true],
    [12, false],
  ]);
});

Deno.test("a deferred message is sent again, followed by the later ones", async () => {
  const { clock, room, socket } = await joinedRoom();
  const acks = [0, 1, 2].map((n) => room.send(n, { id: `${n}` }));
  await settled();
  socket().receive({ type: "ack", id: "0", room: "lobby", seq: 11 });
  socket().receive({ type: "error", code: "rate_limited", message: "", id: "1", retryAfter: 50 });
  await clock.advance(49);
  assert.equal(socket().sentOf("message").length, 3);
  await clock.advance(1);
  assert.deepEqual(socket().sentOf("message").slice(3).map(({ id }) => id), ["1", "2"]);
  socket().receive({ type: "ack", id: "2", room: "lobby", seq: 12, duplicate: true });
  socket().receive({ type: "ack", id: "1", room: "lobby", seq: 13 });
  assert.deepEqual((await Promise.all(acks)).map(({ seq, duplicate }) => [seq, duplicate]), [
    [11, false],
    [13, false],
    [12, true],
  ]);
});

Deno.test("at most 256 messages are in flight, and those are sent again after a loss", async () => {
  const { clock, room, socket } = await joinedRoom();
  for (let i = 0; i < 300; i++) void room.send(i, { id: `${i}` });
  await settled();
  assert.equal(socket().sentOf("message").length, 256);
  for (let i = 0; i < 10; i++) {
    socket().receive({ type: "ack", id: `${i}`, room: "lobby", seq: 11 + i });
  }
  assert.equal(socket().sentOf("message").length, 266);
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 10, true);
  assert.deepEqual(
    socket().sentOf("message").map(({ id }) => Number(id)),
    [...Array(256).keys()].map((n) => n + 10),
  );
});

Deno.test("requests wait for a free slot, up to a limit", async () => {
  const { hop, room, socket } = await joinedRoom();
  const pages = Array.from({ length: 1_000 }, () => room.history().next());
  await settled();
  assert.equal(socket().sentOf("history").length, 12);
  await assert.rejects(room.history().next(), { code: "queue_full" });
  const [first] = socket().sentOf("history");
  socket().receive({
    type: "history",
    room: "lobby",
    messages: [messageFrame(3)],
    more: false,
    id: first!.id,
  });
  assert.equal(((await pages[0]!).value as Message).seq, 3);
  assert.equal(socket().sentOf("history").length, 13);
  const all = Promise.allSettled(pages);
  hop.close();
  assert.equal((await all).filter(({ status }) => status === "rejected").length, 999);
});

Deno.test("requests are sent again on the next connection, calls are not", async () => {
  const { clock, hop, room, socket } = await joinedRoom();
  const page = room.history().next();
  const call = hop.call("dice.roll");
  await settled();
  const failed = assert.rejects(call, { code: "connection_lost" });
  socket().disconnect();
  await failed;
  const later = hop.call("dice.roll");
  await clock.advance(0);
  socket().accept();
  assert.equal(socket().sentOf("history").length, 0, "the room is not joined yet");
  confirmSubscription(socket(), 10, true);
  assert.deepEqual(socket().sentOf("call").length, 1);
  const [request] = socket().sentOf("history");
  socket().receive({ type: "history", room: "lobby", messages: [], more: false, id: request!.id });
  assert.equal((await page).done, true);
  socket().receive({ type: "result", id: socket().sentOf("call")[0]!.id, data: 4 });
  assert.equal(await later, 4);
});
