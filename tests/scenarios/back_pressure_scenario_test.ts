/** A client that sends more at once than a session takes at a time is slowed down, and loses nothing. */
import assert from "node:assert/strict";
import { startSystem } from "../harness/system.ts";

const ROOMS = 80;
const MESSAGES = 600;

Deno.test("many joins and messages in one burst are all answered, in order", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  for (let i = 0; i < ROOMS; i++) ann.send({ type: "subscribe", room: `a${i}`, id: `s${i}` });
  for (let i = 0; i < MESSAGES; i++) {
    ann.send({ type: "message", room: `a${i % ROOMS}`, content: i, id: `m${i}` });
  }
  ann.send({ type: "ping", id: "end" });
  const joined = await ann.takeMany("subscribed", ROOMS);
  assert.deepEqual(joined.map(({ id }) => id).sort(), joined.map((_, i) => `s${i}`).sort());
  const acks = await ann.takeMany("ack", MESSAGES);
  for (let room = 0; room < ROOMS; room++) {
    const ids = acks.filter((ack) => ack.room === `a${room}`).map(({ id }) => Number(id.slice(1)));
    assert.deepEqual(ids, ids.toSorted((a, b) => a - b), `a${room} is out of order`);
  }
  await ann.take("pong", ({ id }) => id === "end");
  assert.deepEqual(ann.frames.filter(({ type }) => type === "error"), []);
});
