import assert from "node:assert/strict";
import { HopwireError, type Message } from "./mod.ts";
import { joinedRoom, messageFrame } from "./test_client.ts";
import { settled } from "./test_clock.ts";

Deno.test("an iterator that is not read fails with too_slow after 1,000 messages", async () => {
  const { room, socket } = await joinedRoom();
  const iterator = room[Symbol.asyncIterator]();
  const first = iterator.next();
  await settled();
  for (let seq = 11; seq < 1_100; seq++) socket().receive(messageFrame(seq));
  assert.equal(((await first).value as Message).seq, 11);
  let read = 1;
  await assert.rejects(async () => {
    for await (const _ of { [Symbol.asyncIterator]: () => iterator }) read++;
  }, (error) => error instanceof HopwireError && error.code === "too_slow");
  assert.equal(read, 1_001);
});

Deno.test("an iterator ends on return, on abort and when the room is left", async () => {
  const { room, socket } = await joinedRoom();
  const iterator = room.messages();
  const waiting = iterator.next();
  await iterator.return!();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  const abort = new AbortController();
  const read: number[] = [];
  const reading = assert.rejects(async () => {
    for await (const { seq } of room.messages({ signal: abort.signal })) read.push(seq);
  }, /enough/);
  socket().receive(messageFrame(11));
  await settled();
  abort.abort(new Error("enough"));
  await reading;
  assert.deepEqual(read, [11]);
  room.leave();
  assert.deepEqual(await room.messages().next(), { done: true, value: undefined });
});
