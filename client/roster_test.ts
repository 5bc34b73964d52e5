import assert from "node:assert/strict";
import type { Room } from "./mod.ts";
import { confirmSubscription, EPOCH, joinedRoom } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("a join right after a page of members is kept", async () => {
  const { room, socket } = await joinedRoom();
  confirmSubscription(socket(), 10, true, EPOCH, { count: 1 });
  await settled();
  // Both are in one packet: some runtimes deliver both before any promise continues.
  socket().receive({
    type: "presence",
    room: "lobby",
    count: 1,
    members: [{ userId: "ann", username: "Ann" }],
    more: false,
    id: socket().sentOf("presence")[0]!.id,
  });
  socket().receive({ type: "user-joined", room: "lobby", userId: "bob", username: "Bob" });
  await settled();
  assert.deepEqual([...room.members.keys()], ["ann", "bob"]);
  assert.equal(room.count, 2);
});

Deno.test("members have a state, which may change", async () => {
  const { room, socket } = await joinedRoom();
  const events: unknown[] = [];
  for (const name of ["member-joined", "member-updated", "member-left"] as const) {
    room.on(name, (member) => events.push([name, member]));
  }
  confirmSubscription(socket(), 10, true, EPOCH, { count: 1 });
  await settled();
  const ann = { userId: "ann", username: "Ann", presence: { status: "here" } };
  const { id } = socket().sentOf("presence")[0]!;
  socket().receive({ type: "presence", room: "lobby", count: 1, members: [ann], more: false, id });
  const bob = { userId: "bob", username: "Bob" };
  const change = (type: string, member: object) =>
    socket().receive({ type: `user-${type}`, room: "lobby", ...member });
  change("joined", { ...bob, presence: { status: "here" } });
  assert.deepEqual([...room.members.values()].map(({ presence }) => presence?.status), [
    "here",
    "here",
  ]);
  change("updated", { ...bob, presence: { status: "away" } });
  assert.deepEqual(room.members.get("bob"), { ...bob, presence: { status: "away" } });
  change("updated", bob);
  assert.deepEqual(room.members.get("bob"), bob);
  // A change of somebody who is not listed is no arrival.
  change("updated", { userId: "cid", username: "Cid" });
  change("left", bob);
  assert.deepEqual([...room.members.keys()], ["ann"]);
  assert.equal(room.count, 1);
  assert.deepEqual(events, [
    ["member-joined", { ...bob, presence: { status: "here" } }],
    ["member-updated", { ...bob, presence: { status: "away" } }],
    ["member-updated", bob],
    ["member-updated", { userId: "cid", username: "Cid" }],
    ["member-left", bob],
  ]);
});

Deno.test("members are read page by page and updated, up to 1,000", async () => {
  const { room, socket } = await joinedRoom();
  const page = (members: string[], more: boolean) => {
    const { id } = socket().sentOf("presence").at(-1)!;
    const listed = members.map((userId) => ({ userId, username: userId }));
    socket().receive({ type: "presence", room: "lobby", count: 3, members: listed, more, id });
  };
  const names = (of: Room) => [...of.members.keys()];
  confirmSubscription(socket(), 10, true, EPOCH, { count: 3 });
  await settled();
  page(["a", "b"], true);
  await settled();
  assert.equal(socket().sentOf("presence").at(-1)!.after, "b");
  socket().receive({ type: "user-joined", room: "lobby", userId: "d", username: "d" });
  page(["c"], false);
  await settled();
  assert.deepEqual(names(room), ["a", "b", "d", "c"]);
  socket().receive({ type: "user-left", room: "lobby", userId: "a", username: "a" });
  assert.deepEqual(names(room), ["b", "d", "c"]);
  // A presence frame without an id is unsolicited and replaces the list.
  socket().receive({ type: "presence", room: "lobby", count: 2_000, members: [], more: false });
  assert.deepEqual([names(room), room.count], [[], 2_000]);
  for (let i = 0; i < 1_100; i++) {
    socket().receive({ type: "user-joined", room: "lobby", userId: `u${i}`, username: "" });
  }
  assert.equal(room.members.size, 1_000);
});
