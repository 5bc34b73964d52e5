import assert from "node:assert/strict";
import type { Room } from "./mod.ts";
import { EPOCH, joinedRoom } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("a join right after a page of members is kept", async () => {
  const { room, socket } = await joinedRoom();
  const { id } = socket().sentOf("subscribe").at(-1)!;
  const confirmed = { type: "subscribed", room: "lobby", seq: 10, epoch: EPOCH, recovered: true };
  socket().receive({ ...confirmed, count: 1, id });
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

Deno.test("members are read page by page and updated, up to 1,000", async () => {
  const { room, socket } = await joinedRoom();
  const confirm = () =>
    socket().receive({
      type: "subscribed",
      room: "lobby",
      seq: 10,
      epoch: EPOCH,
      recovered: true,
      count: 3,
      id: socket().sentOf("subscribe").at(-1)!.id,
    });
  const page = (members: string[], more: boolean) => {
    const { id } = socket().sentOf("presence").at(-1)!;
    const listed = members.map((userId) => ({ userId, username: userId }));
    socket().receive({ type: "presence", room: "lobby", count: 3, members: listed, more, id });
  };
  const names = (of: Room) => [...of.members.keys()];
  confirm();
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
