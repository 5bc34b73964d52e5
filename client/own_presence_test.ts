import assert from "node:assert/strict";
import { confirmSubscription, EPOCH, joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";
import type { FakeSocket } from "./test_socket.ts";

const AWAY = { status: "away" };
const HERE = { status: "here" };

/** Returns the states in the frames of one type, in the order in which they were sent. */
const statesIn = (socket: FakeSocket, type: string) =>
  socket.sentOf(type).map(({ presence }) => presence);

/** The server refuses the last frame of a type. */
function refuse(socket: FakeSocket, type: string, code: string, more: object = {}): void {
  const { id } = socket.sentOf(type).at(-1)!;
  socket.receive({ type: "error", code, message: code, room: "lobby", id, ...more });
}

Deno.test("the subscription carries the state, and updates carry the last one of a turn", async () => {
  const { room, socket } = await joinedRoom({}, { presenceState: HERE });
  assert.deepEqual(statesIn(socket(), "subscribe"), [HERE]);
  const state = { status: "away", since: 1 };
  room.setPresence(HERE);
  room.setPresence(state);
  state.since = 2;
  await settled();
  assert.deepEqual(statesIn(socket(), "update-presence"), [{ status: "away", since: 1 }]);
  room.setPresence(null);
  await settled();
  assert.deepEqual(statesIn(socket(), "update-presence").at(-1), null);
  // A repair is no new join. Another connection may have changed the state meanwhile.
  socket().receive(messageFrame(14));
  assert.deepEqual(statesIn(socket(), "subscribe"), [HERE, undefined]);
});

Deno.test("a room without a state sends none", async () => {
  const { clock, socket } = await joinedRoom();
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 10, true);
  await settled();
  assert.equal("presence" in socket().sentOf("subscribe")[0]!, false);
  assert.deepEqual(statesIn(socket(), "update-presence"), []);
});

Deno.test("the last state is sent again after a reconnect", async () => {
  const { clock, hop, room, socket } = await joinedRoom();
  const reconnect = async () => {
    socket().disconnect();
    await clock.advance(0);
    socket().accept();
  };
  room.setPresence(AWAY);
  await settled();
  await reconnect();
  assert.deepEqual(statesIn(socket(), "subscribe"), [AWAY]);
  confirmSubscription(socket(), 10, true);
  await settled();
  assert.deepEqual(statesIn(socket(), "update-presence"), [], "the server has it already");
  // Without a connection, the last state replaces the others.
  socket().disconnect();
  room.setPresence({ status: "typing" });
  await settled();
  room.setPresence(HERE);
  await clock.advance(0);
  socket().accept();
  assert.deepEqual(statesIn(socket(), "subscribe"), [HERE]);
  // A state that is set before the confirmation follows it.
  room.setPresence(AWAY);
  await settled();
  assert.deepEqual(statesIn(socket(), "update-presence"), []);
  confirmSubscription(socket(), 10, true);
  assert.deepEqual(statesIn(socket(), "update-presence"), [AWAY]);
  // A subscription cannot clear what the server may have kept.
  room.setPresence(null);
  await settled();
  await reconnect();
  assert.deepEqual(statesIn(socket(), "subscribe"), [undefined]);
  confirmSubscription(socket(), 10, true, EPOCH, { count: 1 });
  await settled();
  const sent = socket().sent.map(({ type }) => type);
  assert.deepEqual(sent.slice(-2), ["update-presence", "presence"]);
  assert.deepEqual(statesIn(socket(), "update-presence"), [null]);
  hop.close();
  assert.equal(clock.pendingTimers, 0);
});

Deno.test("a state that is no small object is refused at once", async () => {
  const { hop, room, socket } = await joinedRoom();
  const set = (state: unknown) => () => room.setPresence(state as null);
  for (const state of [[1], "away", 1, undefined, new Date(0), () => {}]) {
    assert.throws(set(state), {
      name: "HopwireError",
      code: "invalid_format",
      message: "presence: expected an object or null",
    });
  }
  const message = "presence: 1025 bytes, the limit is 1024";
  assert.throws(set({ s: "é".repeat(508) + "x" }), { code: "too_large", message });
  assert.throws(set({ s: 1n }), TypeError);
  assert.throws(() => hop.join("other", { presenceState: [] as never }), {
    code: "invalid_format",
  });
  assert.equal(hop.rooms.size, 1);
  await settled();
  assert.deepEqual(socket().sentOf("update-presence"), []);
  room.setPresence({ s: "é".repeat(508) });
  await settled();
  assert.equal(socket().sentOf("update-presence").length, 1, "1,024 bytes");
  room.setPresence(AWAY);
  room.leave();
  await settled();
  assert.equal(socket().sentOf("update-presence").length, 1);
  assert.throws(set(AWAY), { code: "left" });
});

Deno.test("above the rate limit states replace each other, once a second", async () => {
  const { clock, room, socket } = await joinedRoom({ rate: { perSecond: 1, burst: 3 } });
  for (let n = 0; n < 30; n++) {
    room.setPresence({ n });
    await clock.advance(100);
  }
  const sent = statesIn(socket(), "update-presence") as { n: number }[];
  assert.ok(sent.length >= 2 && sent.length <= 5, `${sent.length} updates`);
  await clock.advance(1_000);
  assert.deepEqual(statesIn(socket(), "update-presence").at(-1), { n: 29 });
  const { length } = socket().sentOf("update-presence");
  await clock.advance(10_000);
  assert.equal(socket().sentOf("update-presence").length, length);
});

Deno.test("a refused state raises error and is forgotten, a deferred one is sent again", async () => {
  const { clock, hop, room, socket } = await joinedRoom();
  const errors: string[] = [];
  room.on("error", ({ code }) => errors.push(code));
  room.setPresence(AWAY);
  await settled();
  refuse(socket(), "update-presence", "rate_limited", { retryAfter: 300 });
  room.setPresence(HERE);
  await clock.advance(299);
  assert.deepEqual(statesIn(socket(), "update-presence"), [AWAY]);
  await clock.advance(1);
  assert.deepEqual(statesIn(socket(), "update-presence"), [AWAY, HERE]);
  // The server has dropped the client: it joins again, with the state.
  refuse(socket(), "update-presence", "room_not_found");
  await clock.advance(1_000);
  assert.deepEqual(statesIn(socket(), "subscribe"), [undefined, HERE]);
  confirmSubscription(socket(), 10, true);
  assert.equal(errors.length, 0);
  refuse(socket(), "update-presence", "forbidden");
  assert.deepEqual([room.state, errors], ["joined", ["forbidden"]]);
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  assert.deepEqual(statesIn(socket(), "subscribe"), [undefined]);
  confirmSubscription(socket(), 10, true);
  // A refusal for an earlier room object of the same name is ignored.
  room.setPresence(AWAY);
  await settled();
  room.leave();
  const again = hop.join("lobby", { presenceState: HERE });
  again.on("error", ({ code }) => errors.push(code));
  await settled();
  refuse(socket(), "update-presence", "forbidden");
  assert.equal(errors.length, 1);
});

Deno.test("a user who may not set a state joins all the same", async () => {
  const { clock, hop, socket } = await joinedRoom();
  hop.rooms.get("lobby")!.leave();
  const room = hop.join("lobby", { presenceState: HERE });
  const errors: string[] = [];
  room.on("error", ({ code }) => errors.push(code));
  await settled();
  refuse(socket(), "subscribe", "forbidden");
  assert.deepEqual(statesIn(socket(), "subscribe"), [undefined, HERE, undefined]);
  confirmSubscription(socket(), 10, true);
  refuse(socket(), "update-presence", "forbidden");
  await settled();
  assert.deepEqual([room.state, errors], ["joined", ["forbidden"]]);
  // A user who may not be in the room is refused as ever, with one error.
  room.setPresence(AWAY);
  await clock.advance(0);
  room.leave();
  const other = hop.join("lobby", { presenceState: HERE });
  other.on("error", ({ code }) => errors.push(code));
  await settled();
  refuse(socket(), "subscribe", "forbidden");
  refuse(socket(), "subscribe", "forbidden");
  await assert.rejects(other.joined, { code: "forbidden" });
  assert.deepEqual([other.state, errors.length], ["left", 2]);
});

Deno.test("the user's own entry has the state that was set here", async () => {
  const { room, socket } = await joinedRoom();
  confirmSubscription(socket(), 10, true, EPOCH, { count: 1 });
  await settled();
  const ann = { userId: "ann", username: "Ann" };
  const answer = (member: object) => {
    const { id } = socket().sentOf("presence").at(-1)!;
    const page = { type: "presence", room: "lobby", count: 1, members: [member], more: false };
    socket().receive({ ...page, id });
  };
  // The page was read before the state arrived.
  room.setPresence(AWAY);
  await settled();
  answer({ ...ann, presence: HERE });
  assert.deepEqual(room.members.get("ann"), { ...ann, presence: AWAY });
  const updates: unknown[] = [];
  room.on("member-updated", (member) => updates.push(member));
  room.setPresence(null);
  await settled();
  assert.deepEqual(room.members.get("ann"), ann);
  // After a refusal the list is read again.
  refuse(socket(), "update-presence", "forbidden");
  await settled();
  answer({ ...ann, presence: HERE });
  assert.deepEqual(room.members.get("ann"), { ...ann, presence: HERE });
  assert.deepEqual(updates, [ann]);
});
