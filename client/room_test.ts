import assert from "node:assert/strict";
import { Hopwire, HopwireError, type Message, type Room } from "./mod.ts";
import { FakeClock, type FakeSocket, fakeSockets, settled } from "./test_clock.ts";

const EPOCH = "e1";

/** A client in a room whose log ends at 10. */
async function inRoom(options: { rate?: object } = {}) {
  const clock = new FakeClock();
  const { WebSocket, sockets } = fakeSockets();
  const hop = new Hopwire("ws://nowhere", {
    token: "t",
    transports: ["websocket"],
    WebSocket,
    clock,
    random: () => 0,
  });
  const room = hop.join("lobby");
  await clock.move(0);
  const socket = () => sockets.at(-1)!;
  socket().accept(options);
  subscribed(socket(), 10, false);
  await settled();
  const got: number[] = [];
  const events: unknown[] = [];
  room.on("message", ({ seq }) => got.push(seq));
  room.on("lost", (event) => events.push(event));
  room.on("joined", (event) => events.push(event));
  return { clock, hop, room, socket, sockets, got, events };
}

function subscribed(socket: FakeSocket, seq: number, recovered: boolean, epoch = EPOCH) {
  socket.give({ type: "subscribed", room: "lobby", seq, epoch, recovered, id: "~join" });
}

function message(seq: number, prev = seq - 1): Message & { type: string } {
  const about = { room: "lobby", id: `m${seq}`, userId: "bob", username: "Bob" };
  return { type: "room-message", ...about, seq, prev, content: seq, timestamp: 0 };
}

Deno.test("what was seen is dropped, a gap is asked for, and all of it comes in order", async () => {
  const { room, socket, got, events } = await inRoom();
  socket().give(message(11));
  socket().give(message(11));
  socket().give(message(9));
  assert.deepEqual(got, [11]);
  // 12 and 13 are missing.
  socket().give(message(14));
  socket().give(message(15));
  assert.deepEqual(got, [11]);
  const asked = socket().of("subscribe");
  assert.equal(asked.length, 2);
  assert.deepEqual(asked[1], {
    type: "subscribe",
    room: "lobby",
    since: { seq: 11, epoch: EPOCH },
    id: "~join",
  });
  subscribed(socket(), 15, true);
  for (const seq of [12, 13, 14, 15]) socket().give(message(seq));
  assert.deepEqual(got, [11, 12, 13, 14, 15]);
  assert.deepEqual(room.since, { seq: 15, epoch: EPOCH });
  assert.deepEqual(events, [], "nobody needs to hear of it");
});

Deno.test("a gap that cannot be filled is told, and not asked for for ever", async () => {
  const { socket, got, events } = await inRoom();
  socket().give(message(14));
  subscribed(socket(), 14, true);
  socket().give(message(14));
  assert.deepEqual(got, [14]);
  assert.deepEqual(events, [{ after: 10, before: 14 }]);
  assert.equal(socket().of("subscribe").length, 2);
});

Deno.test("a message whose prev is below what was seen is no gap: retention took the one before", async () => {
  const { socket, got } = await inRoom();
  socket().give(message(20, 3));
  assert.deepEqual(got, [20]);
});

Deno.test("after a loss it goes on from where it was, or says what it cannot tell", async () => {
  const { clock, socket, got, events } = await inRoom();
  socket().give(message(11));
  socket().lose();
  await clock.move(0);
  socket().accept();
  assert.deepEqual(socket().of("subscribe")[0]!.since, { seq: 11, epoch: EPOCH });
  subscribed(socket(), 13, true);
  for (const seq of [12, 13]) socket().give(message(seq));
  socket().lose();
  await clock.move(0);
  socket().accept();
  subscribed(socket(), 90, false);
  socket().give(message(91));
  socket().lose();
  await clock.move(0);
  socket().accept();
  subscribed(socket(), 2, false, "e2");
  socket().give(message(3));
  assert.deepEqual(got, [11, 12, 13, 91, 3]);
  assert.deepEqual(events, [
    { recovered: true, seq: 13, epoch: EPOCH },
    { recovered: false, seq: 90, epoch: EPOCH },
    { after: 13, before: 91 },
    { recovered: false, seq: 2, epoch: "e2" },
    { after: 91, before: 3 },
  ]);
});

Deno.test("an entering that is refused for now is tried again, and what waits goes behind it", async () => {
  const { clock, hop, room, socket } = await inRoom();
  socket().lose();
  await clock.move(0);
  const sent = room.send("x", { id: "1" });
  socket().accept();
  assert.deepEqual(socket().sent.slice(1).map(({ type }) => type), [
    "subscribe",
    "message",
    "ping",
  ]);
  const busy = { type: "error", code: "unavailable", message: "busy", room: "lobby" };
  socket().give({ ...busy, id: "~join", retryAfter: 700 });
  socket().give({ type: "error", code: "unavailable", message: "busy", id: "1", retryAfter: 100 });
  await clock.move(600);
  assert.equal(socket().of("message").length, 1, "not before the room");
  await clock.move(100);
  assert.equal(socket().of("subscribe").length, 2);
  await clock.move(1);
  assert.equal(socket().of("message").length, 2);
  socket().give({ type: "ack", id: "1", room: "lobby", seq: 12 });
  assert.equal((await sent).seq, 12);
  hop.close();
  assert.equal(clock.waiting, 0);
});

Deno.test("a token that no longer names the room ends it, and what waited in it", async () => {
  const { hop, room, socket } = await inRoom();
  const sent = room.send("x");
  const left: unknown[] = [];
  room.on("left", (event) => left.push(event));
  const seen = (async () => {
    for await (const _ of room) { /* until it ends */ }
  })();
  await settled();
  socket().give({ type: "error", code: "forbidden", message: "Not allowed", room: "lobby" });
  await assert.rejects(sent, { code: "forbidden" });
  await seen;
  assert.deepEqual(left, [{ reason: "Not allowed" }]);
  assert.equal(hop.rooms.size, 0);
  await assert.rejects(room.send("y"), { code: "forbidden" });
  assert.equal(room.signal("z"), false);
});

Deno.test("messages are sent no faster than the server takes, and in order", async () => {
  const { clock, room, socket } = await inRoom({ rate: { perSecond: 100, burst: 20 } });
  for (let i = 0; i < 40; i++) void room.send(i, { id: `${i}` });
  await settled();
  // Nine tenths of the burst; entering took one.
  assert.equal(socket().of("message").length, 17);
  await clock.move(100);
  assert.equal(socket().of("message").length, 26);
  await clock.move(1_000);
  assert.deepEqual(socket().of("message").map(({ content }) => content), [...Array(40).keys()]);
});

Deno.test("one that is refused for now is sent again with all after it", async () => {
  const { clock, room, socket } = await inRoom();
  const acks = [0, 1, 2].map((n) => room.send(n, { id: `${n}` }));
  await settled();
  socket().give({ type: "ack", id: "0", room: "lobby", seq: 11 });
  socket().give({ type: "error", code: "rate_limited", message: "", id: "1", retryAfter: 50 });
  await clock.move(49);
  assert.equal(socket().of("message").length, 3);
  await clock.move(1);
  assert.deepEqual(socket().of("message").slice(3).map(({ id }) => id), ["1", "2"]);
  socket().give({ type: "ack", id: "2", room: "lobby", seq: 12, duplicate: true });
  socket().give({ type: "ack", id: "1", room: "lobby", seq: 13 });
  assert.deepEqual((await Promise.all(acks)).map(({ seq, duplicate }) => [seq, duplicate]), [
    [11, false],
    [13, false],
    [12, true],
  ]);
});

Deno.test("no more than 256 are without an ack, and those are what is sent again", async () => {
  const { clock, room, socket } = await inRoom();
  for (let i = 0; i < 300; i++) void room.send(i, { id: `${i}` });
  await settled();
  assert.equal(socket().of("message").length, 256);
  for (let i = 0; i < 10; i++) {
    socket().give({ type: "ack", id: `${i}`, room: "lobby", seq: 11 + i });
  }
  assert.equal(socket().of("message").length, 266);
  socket().lose();
  await clock.move(0);
  socket().accept();
  assert.deepEqual(
    socket().of("message").map(({ id }) => Number(id)),
    [...Array(256).keys()].map((n) => n + 10),
  );
});

Deno.test("an iterator that is not read ends with an error, not with all memory", async () => {
  const { room, socket } = await inRoom();
  const iterator = room[Symbol.asyncIterator]();
  const first = iterator.next();
  await settled();
  for (let seq = 11; seq < 1_100; seq++) socket().give(message(seq));
  assert.equal(((await first).value as Message).seq, 11);
  let read = 1;
  await assert.rejects(async () => {
    for await (const _ of { [Symbol.asyncIterator]: () => iterator }) read++;
  }, (error) => error instanceof HopwireError && error.code === "too_slow");
  assert.equal(read, 1_000);
});

Deno.test("questions wait for their turn, and no more of them than may", async () => {
  const { hop, room, socket } = await inRoom();
  const pages = Array.from({ length: 1_000 }, () => room.history().next());
  await settled();
  assert.equal(socket().of("history").length, 12);
  await assert.rejects(room.history().next(), { code: "queue_full" });
  const [first] = socket().of("history");
  socket().give({
    type: "history",
    room: "lobby",
    messages: [message(3)],
    more: false,
    id: first!.id,
  });
  assert.equal(((await pages[0]!).value as Message).seq, 3);
  assert.equal(socket().of("history").length, 13);
  const all = Promise.allSettled(pages);
  hop.close();
  assert.equal((await all).filter(({ status }) => status === "rejected").length, 999);
});

Deno.test("on another connection questions are asked again, calls are not", async () => {
  const { clock, hop, room, socket } = await inRoom();
  const page = room.history().next();
  const call = hop.call("dice.roll");
  await settled();
  const failed = assert.rejects(call, { code: "connection_lost" });
  socket().lose();
  await failed;
  const later = hop.call("dice.roll");
  await clock.move(0);
  socket().accept();
  assert.deepEqual(socket().of("call").length, 1);
  const [asked] = socket().of("history");
  socket().give({ type: "history", room: "lobby", messages: [], more: false, id: asked!.id });
  assert.equal((await page).done, true);
  socket().give({ type: "result", id: socket().of("call")[0]!.id, data: 4 });
  assert.equal(await later, 4);
});

Deno.test("members are read page by page and kept, up to a thousand", async () => {
  const { room, socket } = await inRoom();
  const enter = () =>
    socket().give({
      type: "subscribed",
      room: "lobby",
      seq: 10,
      epoch: EPOCH,
      recovered: true,
      count: 3,
    });
  const page = (members: string[], more: boolean) => {
    const { id } = socket().of("presence").at(-1)!;
    const listed = members.map((userId) => ({ userId, username: userId }));
    socket().give({ type: "presence", room: "lobby", count: 3, members: listed, more, id });
  };
  const names = (of: Room) => [...of.members.keys()];
  enter();
  await settled();
  page(["a", "b"], true);
  await settled();
  assert.equal(socket().of("presence").at(-1)!.after, "b");
  socket().give({ type: "user-joined", room: "lobby", userId: "d", username: "d" });
  page(["c"], false);
  await settled();
  assert.deepEqual(names(room), ["a", "b", "d", "c"]);
  socket().give({ type: "user-left", room: "lobby", userId: "a", username: "a" });
  assert.deepEqual(names(room), ["b", "d", "c"]);
  // Nobody asked: it takes the place of all that was known.
  socket().give({ type: "presence", room: "lobby", count: 2_000, members: [], more: false });
  assert.deepEqual([names(room), room.count], [[], 2_000]);
  for (let i = 0; i < 1_100; i++) {
    socket().give({ type: "user-joined", room: "lobby", userId: `u${i}`, username: "" });
  }
  assert.equal(room.members.size, 1_000);
});
