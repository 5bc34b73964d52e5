import assert from "node:assert/strict";
import { confirmSubscription, EPOCH, joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("duplicates are dropped, and a gap is filled by a replay in order", async () => {
  const { room, socket, received, events } = await joinedRoom();
  socket().receive(messageFrame(11));
  socket().receive(messageFrame(11));
  socket().receive(messageFrame(9));
  assert.deepEqual(received, [11]);
  // 12 and 13 are missing.
  socket().receive(messageFrame(14));
  socket().receive(messageFrame(15));
  assert.deepEqual(received, [11]);
  const subscribes = socket().sentOf("subscribe");
  assert.equal(subscribes.length, 2);
  assert.deepEqual(subscribes[1], {
    type: "subscribe",
    room: "lobby",
    since: { seq: 11, epoch: EPOCH },
    id: subscribes[0]!.id,
  });
  confirmSubscription(socket(), 15, true);
  for (const seq of [12, 13, 14, 15]) socket().receive(messageFrame(seq));
  assert.deepEqual(received, [11, 12, 13, 14, 15]);
  assert.deepEqual(room.since, { seq: 15, epoch: EPOCH });
  assert.deepEqual(events, [], "a gap that is filled raises no event");
});

Deno.test("since is a copy: later messages do not change it", async () => {
  const { hop, room, socket } = await joinedRoom();
  const kept = room.since;
  socket().receive(messageFrame(11));
  assert.deepEqual(kept, { seq: 10, epoch: EPOCH });
  assert.deepEqual(room.since, { seq: 11, epoch: EPOCH });
  // The object that the application passes stays as it is, too.
  room.leave();
  const again = hop.join("lobby", { since: kept! });
  await settled();
  confirmSubscription(socket(), 11, true);
  socket().receive(messageFrame(11));
  assert.equal(again.since!.seq, 11);
  assert.equal(kept!.seq, 10);
});

Deno.test("a gap that a replay does not fill raises lost, and is requested only once", async () => {
  const { socket, received, events } = await joinedRoom();
  socket().receive(messageFrame(14));
  confirmSubscription(socket(), 14, true);
  socket().receive(messageFrame(14));
  assert.deepEqual(received, [14]);
  assert.deepEqual(events, [{ after: 10, before: 14 }]);
  assert.equal(socket().sentOf("subscribe").length, 2);
});

Deno.test("a prev below the last message is no gap: retention removed the message in between", async () => {
  const { socket, received } = await joinedRoom();
  socket().receive(messageFrame(20, 3));
  assert.deepEqual(received, [20]);
});

Deno.test("the room resumes after a loss, and raises lost for what cannot be recovered", async () => {
  const { clock, socket, received, events } = await joinedRoom();
  socket().receive(messageFrame(11));
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  assert.deepEqual(socket().sentOf("subscribe")[0]!.since, { seq: 11, epoch: EPOCH });
  confirmSubscription(socket(), 13, true);
  for (const seq of [12, 13]) socket().receive(messageFrame(seq));
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 90, false);
  socket().receive(messageFrame(91));
  socket().disconnect();
  await clock.advance(0);
  socket().accept();
  confirmSubscription(socket(), 2, false, "e2");
  socket().receive(messageFrame(3));
  assert.deepEqual(received, [11, 12, 13, 91, 3]);
  assert.deepEqual(events, [
    { recovered: true, seq: 13, epoch: EPOCH },
    { recovered: false, seq: 90, epoch: EPOCH },
    { after: 13, before: 91 },
    { recovered: false, seq: 2, epoch: "e2" },
    { after: 91, before: 3 },
  ]);
});
