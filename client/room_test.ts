import assert from "node:assert/strict";
import { HopwireError, type Message, type Room } from "./mod.ts";
import { fakeClient, type FakeSocket, settled } from "./test_clock.ts";

const EPOCH = "e1";

/** A client in a room whose log ends at 10. */
async function inRoom(options: { rate?: object } = {}) {
  const { clock, sockets, hop } = fakeClient("ws://nowhere");
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
  const { id } = socket.of("subscribe").at(-1)!;
  socket.give({ type: "subscribed", room: "lobby", seq, epoch, recovered, id });
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
    id: asked[0]!.id,
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

Deno.test("nothing is sent before we are in, nor while what was missed may have it in it", async () => {
  const { clock, hop, room, socket } = await inRoom();
  socket().lose();
  await clock.move(0);
  const sent = room.send("x", { id: "1" });
  socket().accept();
  assert.deepEqual(socket().sent.slice(1).map(({ type }) => type), ["subscribe", "ping"]);
  // The server is too busy to let us in, and would say of a message that there is no such room.
  const { id } = socket().of("subscribe")[0]!;
  const busy = { type: "error", code: "unavailable", message: "busy", room: "lobby" };
  socket().give({ ...busy, id, retryAfter: 700 });
  await clock.move(699);
  assert.equal(socket().of("subscribe").length, 1);
  await clock.move(1);
  assert.equal(socket().of("subscribe").length, 2);
  subscribed(socket(), 12, true);
  assert.equal(socket().of("message").length, 0);
  socket().give(message(11));
  assert.equal(socket().of("message").length, 0);
  socket().give(message(12));
  assert.equal(socket().of("message").length, 1);
  socket().give({ type: "ack", id: "1", room: "lobby", seq: 13 });
  assert.equal((await sent).seq, 13);
  hop.close();
  assert.equal(clock.waiting, 0);
});

Deno.test("a message of ours that comes among what was missed is not sent again", async () => {
  const { clock, room, socket } = await inRoom();
  const acks = [room.send("a", { id: "a" }), room.send("b", { id: "b" })];
  await settled();
  assert.equal(socket().of("message").length, 2);
  socket().lose();
  await clock.move(0);
  socket().accept();
  subscribed(socket(), 11, true);
  socket().give({ ...message(11), id: "a", userId: "ann" });
  assert.deepEqual(socket().of("message").map(({ id }) => id), ["b"]);
  socket().give({ type: "ack", id: "b", room: "lobby", seq: 12 });
  assert.deepEqual((await Promise.all(acks)).map(({ seq, duplicate }) => [seq, duplicate]), [
    [11, true],
    [12, false],
  ]);
});

Deno.test("what was missed and does not come holds nobody up for ever", async () => {
  const { clock, room, socket } = await inRoom();
  socket().lose();
  await clock.move(0);
  socket().accept();
  void room.send("x");
  subscribed(socket(), 12, true);
  await clock.move(4_999);
  assert.equal(socket().of("message").length, 0);
  await clock.move(1);
  assert.equal(socket().of("message").length, 1);
});

Deno.test("a room that the server does not know us in is entered again, and nothing is given up", async () => {
  const { clock, room, socket } = await inRoom();
  const sent = room.send("x", { id: "x" });
  await settled();
  const gone = { type: "error", code: "room_not_found", message: "Room not found" };
  socket().give({ ...gone, room: "lobby", id: "x" });
  await clock.move(1_000);
  assert.equal(socket().of("subscribe").length, 2);
  subscribed(socket(), 10, true);
  await settled();
  assert.equal(socket().of("message").length, 2);
  socket().give({ type: "ack", id: "x", room: "lobby", seq: 11 });
  assert.equal((await sent).seq, 11);
  // A token was renewed, and who knows about grants was away: the server has let us go.
  socket().give({ type: "error", code: "unavailable", message: "", room: "lobby", retryAfter: 10 });
  assert.equal(room.signal("x"), false);
  await clock.move(10);
  assert.equal(socket().of("subscribe").length, 3);
  assert.equal(room.state, "joined");
});

Deno.test("a signal that is refused ends nothing", async () => {
  const { room, socket } = await inRoom();
  const errors: string[] = [];
  room.on("error", ({ code }) => errors.push(code));
  assert.equal(room.signal({ typing: true }), true);
  const { id } = socket().of("signal")[0]!;
  socket().give({ type: "error", code: "forbidden", message: "Not allowed", room: "lobby", id });
  assert.deepEqual([room.state, errors], ["joined", ["forbidden"]]);
});

Deno.test("who leaves and enters again at once is not told what was for the one before", async () => {
  const { hop, room, socket } = await inRoom();
  room.leave();
  const again = hop.join("lobby", { since: { seq: 5, epoch: EPOCH } });
  const got: number[] = [];
  const lost: unknown[] = [];
  again.on("message", ({ seq }) => got.push(seq));
  again.on("lost", (event) => lost.push(event));
  await settled();
  const [first] = socket().of("subscribe");
  socket().give(message(9));
  socket().give({
    type: "subscribed",
    room: "lobby",
    seq: 8,
    epoch: EPOCH,
    recovered: false,
    id: first!.id,
  });
  assert.notEqual(again.state, "joined");
  subscribed(socket(), 8, true);
  for (const seq of [6, 7, 8]) socket().give(message(seq));
  assert.deepEqual([got, lost], [[6, 7, 8], []]);
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
  subscribed(socket(), 10, true);
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
  assert.equal(read, 1_001);
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
  assert.equal(socket().of("history").length, 0, "not before we are in");
  subscribed(socket(), 10, true);
  assert.deepEqual(socket().of("call").length, 1);
  const [asked] = socket().of("history");
  socket().give({ type: "history", room: "lobby", messages: [], more: false, id: asked!.id });
  assert.equal((await page).done, true);
  socket().give({ type: "result", id: socket().of("call")[0]!.id, data: 4 });
  assert.equal(await later, 4);
});

Deno.test("who comes right behind a page of members is not taken back by it", async () => {
  const { room, socket } = await inRoom();
  const { id } = socket().of("subscribe").at(-1)!;
  const entered = { type: "subscribed", room: "lobby", seq: 10, epoch: EPOCH, recovered: true };
  socket().give({ ...entered, count: 1, id });
  await settled();
  // In one packet: some runtimes give both before any promise goes on.
  socket().give({
    type: "presence",
    room: "lobby",
    count: 1,
    members: [{ userId: "ann", username: "Ann" }],
    more: false,
    id: socket().of("presence")[0]!.id,
  });
  socket().give({ type: "user-joined", room: "lobby", userId: "bob", username: "Bob" });
  await settled();
  assert.deepEqual([...room.members.keys()], ["ann", "bob"]);
  assert.equal(room.count, 2);
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
      id: socket().of("subscribe").at(-1)!.id,
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

Deno.test("signals and questions are no faster than the server takes them either", async () => {
  const { clock, room, socket } = await inRoom({ rate: { perSecond: 100, burst: 20 } });
  let sent = 0;
  for (let i = 0; i < 100; i++) if (room.signal(i)) sent++;
  assert.equal(sent, 17);
  const page = room.history().next();
  await settled();
  assert.equal(socket().of("history").length, 0);
  await clock.move(20);
  assert.equal(socket().of("history").length, 1);
  void page.catch(() => {});
});

Deno.test("a server that takes one frame at a time gets them one at a time", async () => {
  const { clock, room, socket } = await inRoom({ rate: { perSecond: 10, burst: 1 } });
  for (let i = 0; i < 3; i++) void room.send(i);
  await clock.move(1_000);
  assert.equal(socket().of("message").length, 3);
});

Deno.test("what ended tells everybody who asks, and what cannot be sent breaks nothing", async () => {
  const { clock, hop, room, socket } = await inRoom();
  await assert.rejects(hop.call("a.b", { n: 1n }), TypeError);
  await assert.rejects(hop.call("a.b", "x".repeat(70_000)), { code: "too_large" });
  // More given up than may be under way: the next is asked all the same.
  const abort = new AbortController();
  const calls = Array.from({ length: 12 }, () => hop.call("a.b", 1, { signal: abort.signal }));
  const next = hop.call("a.c");
  await settled();
  assert.equal(socket().of("call").length, 12);
  abort.abort();
  await Promise.allSettled(calls);
  assert.equal(socket().of("call").length, 13);
  const errors: unknown[] = [];
  hop.on("error", (error) => errors.push(error));
  const [late] = socket().of("call");
  socket().give({ type: "error", code: "timeout", message: "", id: late!.id });
  assert.deepEqual(errors, [], "nobody waits for that answer any more");
  const last = socket().of("call").at(-1)!;
  socket().give({ type: "result", id: last.id, data: 1 });
  assert.equal(await next, 1);
  socket().lose();
  await clock.move(0);
  // There is no connection: a call is given up in its time, and not made later.
  const missed = assert.rejects(hop.call("a.d", 1, { timeout: 1_000 }), { code: "timeout" });
  await clock.move(2_000);
  await missed;
  hop.close();
  await assert.rejects(room.history().next(), { code: "closed" });
  await assert.rejects(hop.call("a.b"), { code: "closed" });
});

Deno.test("an iterator ends when it is told to, read or not", async () => {
  const { room, socket } = await inRoom();
  const iterator = room.messages();
  const waiting = iterator.next();
  await iterator.return!();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const abort = new AbortController();
  const read: number[] = [];
  const reading = assert.rejects(async () => {
    for await (const { seq } of room.messages({ signal: abort.signal })) read.push(seq);
  }, /enough/);
  socket().give(message(11));
  await settled();
  abort.abort(new Error("enough"));
  await reading;
  assert.deepEqual(read, [11]);
  room.leave();
  assert.deepEqual(await room.messages().next(), { done: true, value: undefined });
});
