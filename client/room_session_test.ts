import assert from "node:assert/strict";
import { confirmSubscription, EPOCH, joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("messages wait until the room is joined and the replay is complete", async () => {
  const { clock, hop, room, socket } = await joinedRoom();
  socket().disconnect();
  await clock.advance(0);
  const sent = room.send("x", { id: "1" });
  socket().accept();
  assert.deepEqual(socket().sent.slice(1).map(({ type }) => type), ["subscribe", "ping"]);
  // The server is too busy to confirm. It would refuse a message with `room_not_found`.
  const { id } = socket().sentOf("subscribe")[0]!;
  const busy = { type: "error", code: "unavailable", message: "busy", room: "lobby" };
  socket().receive({ ...busy, id, retryAfter: 700 });
  await clock.advance(699);
  assert.equal(socket().sentOf("subscribe").length, 1);
  await clock.advance(1);
  assert.equal(socket().sentOf("subscribe").length, 2);
  confirmSubscription(socket(), 12, true);
  assert.equal(socket().sentOf("message").length, 0);
  socket().receive(messageFrame(11));
  assert.equal(socket().sentOf("message").length, 0);
  socket().receive(messageFrame(12));
  assert.equal(socket().sentOf("message").length, 1);
  socket().receive({ type: "ack", id: "1", room: "lobby", seq: 13 });
  assert.equal((await sent).seq, 13);
  hop.close();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("an incomplete replay delays queued messages for 5 s at most", async () => {
  const { clock, room, socket } = await joinedRoom();
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  void room.send("x");
  confirmSubscription(socket(), 12, true);
  await clock.advance(4_999);
  assert.equal(socket().sentOf("message").length, 0);
  await clock.advance(1);
  assert.equal(socket().sentOf("message").length, 1);
});

Deno.test("a gap within a replay starts its 5 s again", async () => {
  const { clock, room, socket } = await joinedRoom();
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  void room.send("x");
  confirmSubscription(socket(), 14, true);
  await clock.advance(3_000);
  // 11 and 12 are missing.
  socket().receive(messageFrame(13));
  assert.equal(socket().sentOf("subscribe").length, 2);
  // The first five seconds end while the repair is under way.
  await clock.advance(2_000);
  assert.equal(socket().sentOf("message").length, 0);
  confirmSubscription(socket(), 14, true);
  await clock.advance(4_999);
  assert.equal(socket().sentOf("message").length, 0);
  await clock.advance(1);
  assert.equal(socket().sentOf("message").length, 1);
});

Deno.test("an application that leaves within an event gets and causes nothing more", async () => {
  const { clock, hop, room, socket, received, events } = await joinedRoom();
  const seen: string[] = [];
  room.on("members", () => seen.push("members"));
  room.on("left", () => seen.push("left"));
  room.on("lost", () => seen.push("lost"));
  room.on("joined", () => room.leave());
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 20, false, "e2", { count: 2 });
  assert.deepEqual([room.state, seen], ["left", ["left"]]);
  assert.equal(events.length, 1, "joined alone");
  // No request waits for the next room of that name.
  const again = hop.join("lobby", { presence: false });
  await settled();
  confirmSubscription(socket(), 20, false, "e2");
  await settled();
  assert.deepEqual(socket().sentOf("presence"), []);
  // The same for the events of a message.
  again.on("lost", () => again.leave());
  again.on("message", ({ seq }) => received.push(seq));
  socket().receive(messageFrame(22));
  confirmSubscription(socket(), 22, true, "e2");
  socket().receive(messageFrame(22));
  assert.deepEqual([again.state, received], ["left", []]);
});

Deno.test("a room that the server has dropped is joined again, and its messages are kept", async () => {
  const { clock, room, socket } = await joinedRoom();
  const sent = room.send("x", { id: "x" });
  await settled();
  const notFound = { type: "error", code: "room_not_found", message: "Room not found" };
  socket().receive({ ...notFound, room: "lobby", id: "x" });
  await clock.advance(1_000);
  assert.equal(socket().sentOf("subscribe").length, 2);
  confirmSubscription(socket(), 10, true);
  await settled();
  assert.equal(socket().sentOf("message").length, 2);
  socket().receive({ type: "ack", id: "x", room: "lobby", seq: 11 });
  assert.equal((await sent).seq, 11);
  // After a token refresh the server could not verify the grants, and removed the client.
  socket().receive({
    type: "error",
    code: "unavailable",
    message: "",
    room: "lobby",
    retryAfter: 10,
  });
  assert.equal(room.signal("x"), false);
  await clock.advance(10);
  assert.equal(socket().sentOf("subscribe").length, 3);
  assert.equal(room.state, "joined");
});

Deno.test("a refused signal raises error and does not end the room", async () => {
  const { room, socket } = await joinedRoom();
  const errors: string[] = [];
  room.on("error", ({ code }) => errors.push(code));
  assert.equal(room.signal({ typing: true }), true);
  const { id } = socket().sentOf("signal")[0]!;
  socket().receive({ type: "error", code: "forbidden", message: "Not allowed", room: "lobby", id });
  assert.deepEqual([room.state, errors], ["joined", ["forbidden"]]);
});

Deno.test("a room that is left and joined again at once ignores frames for the earlier one", async () => {
  const { hop, room, socket } = await joinedRoom();
  room.leave();
  const again = hop.join("lobby", { since: { seq: 5, epoch: EPOCH } });
  const received: number[] = [];
  const lost: unknown[] = [];
  again.on("message", ({ seq }) => received.push(seq));
  again.on("lost", (event) => lost.push(event));
  await settled();
  const [first] = socket().sentOf("subscribe");
  socket().receive(messageFrame(9));
  socket().receive({
    type: "subscribed",
    room: "lobby",
    seq: 8,
    epoch: EPOCH,
    recovered: false,
    id: first!.id,
  });
  assert.notEqual(again.state, "joined");
  confirmSubscription(socket(), 8, true);
  for (const seq of [6, 7, 8]) socket().receive(messageFrame(seq));
  assert.deepEqual([received, lost], [[6, 7, 8], []]);
});

Deno.test("a token without rights in the room ends the room and rejects its messages", async () => {
  const { hop, room, socket } = await joinedRoom();
  const sent = room.send("x");
  const left: unknown[] = [];
  room.on("left", (event) => left.push(event));
  const seen = (async () => {
    for await (const _ of room) { /* until it ends */ }
  })();
  await settled();
  socket().receive({ type: "error", code: "forbidden", message: "Not allowed", room: "lobby" });
  await assert.rejects(sent, { code: "forbidden" });
  await seen;
  assert.deepEqual(left, [{ reason: "Not allowed" }]);
  assert.equal(hop.rooms.size, 0);
  await assert.rejects(room.send("y"), { code: "forbidden" });
  assert.equal(room.signal("z"), false);
});

for (const reason of ["kicked", "banned"] as const) {
  Deno.test(`a room that the user is ${reason} from ends, and can be joined again`, async () => {
    const { clock, hop, room, socket } = await joinedRoom();
    const errors: string[] = [];
    room.on("error", ({ code, message }) => errors.push(`${code}: ${message}`));
    const sent = room.send("x");
    socket().receive({ type: "unsubscribed", room: "lobby", reason, message: "spam" });
    await assert.rejects(sent, { code: reason });
    assert.deepEqual([room.state, ...errors], ["left", `${reason}: spam`]);
    // The client has left: it says nothing about this room any more.
    assert.equal(socket().sentOf("unsubscribe").length, 0);
    hop.join("lobby");
    await clock.advance(0);
    assert.equal(socket().sentOf("subscribe").length, 2);
    hop.close();
  });
}
