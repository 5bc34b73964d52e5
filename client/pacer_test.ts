import assert from "node:assert/strict";
import { joinedRoom } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("messages stay below the server's rate limit and in order", async () => {
  const { clock, room, socket } = await joinedRoom({ rate: { perSecond: 100, burst: 20 } });
  for (let i = 0; i < 40; i++) void room.send(i, { id: `${i}` });
  await settled();
  // Nine tenths of the burst, minus one for the subscription.
  assert.equal(socket().sentOf("message").length, 17);
  await clock.advance(100);
  assert.equal(socket().sentOf("message").length, 26);
  await clock.advance(1_000);
  assert.deepEqual(socket().sentOf("message").map(({ content }) => content), [...Array(40).keys()]);
});

Deno.test("signals and requests stay below the server's rate limit too", async () => {
  const { clock, room, socket } = await joinedRoom({ rate: { perSecond: 100, burst: 20 } });
  let sent = 0;
  for (let i = 0; i < 100; i++) if (room.signal(i)) sent++;
  assert.equal(sent, 17);
  const page = room.history().next();
  await settled();
  assert.equal(socket().sentOf("history").length, 0);
  await clock.advance(20);
  assert.equal(socket().sentOf("history").length, 1);
  void page.catch(() => {});
});

Deno.test("a burst of one frame still lets messages through", async () => {
  const { clock, room, socket } = await joinedRoom({ rate: { perSecond: 10, burst: 1 } });
  for (let i = 0; i < 3; i++) void room.send(i);
  await clock.advance(1_000);
  assert.equal(socket().sentOf("message").length, 3);
});
