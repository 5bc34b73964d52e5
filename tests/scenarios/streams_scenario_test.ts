/** A system whose rooms are spread over four streams: clients see no difference. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import { jetstreamManager } from "@nats-io/jetstream";
import { roomsStream, streamIndexOf } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

/** One room of each stream. */
const ROOMS = ["a", "b", "hall", "lobby"];

async function join(client: TestClient, room: string, since?: { seq: number; epoch: string }) {
  client.send({ type: "subscribe", room, since, id: `join-${room}` });
  const answer = await client.answer(`join-${room}`);
  assert.equal(answer.type, "subscribed", JSON.stringify(answer));
  return answer as Extract<typeof answer, { type: "subscribed" }>;
}

/** Sends messages to each room in turn. Returns the seqs of their acks by room. */
async function say(client: TestClient, name: string, count: number) {
  for (let i = 0; i < count; i++) {
    for (const room of ROOMS) {
      client.send({ type: "message", room, content: i, id: `${name}-${room}-${i}` });
    }
  }
  const acks = await client.takeMany("ack", count * ROOMS.length);
  return new Map(ROOMS.map((room) => [
    room,
    acks.filter(({ id }) => id!.startsWith(`${name}-${room}-`)).map(({ seq }) => seq!),
  ]));
}

Deno.test("rooms of four streams are delivered, recovered and read as those of one", async () => {
  assert.deepEqual(ROOMS.map((room) => streamIndexOf(room, 4)).sort(), [0, 1, 2, 3]);
  await using system = await startSystem({
    gateways: 2,
    persistences: 2,
    env: { persistence: { STREAMS: "4" } },
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  const epochs = new Map<string, string>();
  for (const room of ROOMS) {
    epochs.set(room, (await join(ann, room)).epoch);
    assert.equal((await join(bob, room)).epoch, epochs.get(room));
  }
  const seqs = await say(ann, "first", 10);
  const seen = await bob.takeMany("room-message", 40);
  for (const room of ROOMS) {
    const here = seen.filter((message) => message.room === room);
    assert.deepEqual(here.map(({ seq }) => seq), seqs.get(room));
    assert.deepEqual(here.map(({ prev }) => prev), [0, ...seqs.get(room)!.slice(0, -1)]);
  }
  bob.close();

  // What was missed is replayed, while another instance of persistence takes over what one had.
  await say(ann, "missed", 10);
  await system.persistences[0]!.kill();
  const back = await system.client({ user: "bob", gateway: 1 });
  for (const room of ROOMS) {
    const since = { seq: seqs.get(room)!.at(-1)!, epoch: epochs.get(room)! };
    const { recovered } = await until(`${room} to be replayed`, () => join(back, room, since));
    assert.equal(recovered, true);
  }
  const replayed = await back.takeMany("room-message", 40);
  for (const room of ROOMS) {
    const ids = replayed.filter((message) => message.room === room).map(({ id }) => id);
    assert.deepEqual(ids, Array.from({ length: 10 }, (_, i) => `missed-${room}-${i}`));
    back.send({ type: "history", room, limit: 50, id: `history-${room}` });
    const page = await back.answer(`history-${room}`);
    assert.equal(page.type, "history", JSON.stringify(page));
    assert.equal(page.type === "history" && page.messages.length, 20);
    assert.equal(page.type === "history" && page.epoch, epochs.get(room));
  }

  // One stream is lost. Clients come back, and only its rooms start over.
  const nats = await connect({ servers: system.nats.url });
  await (await jetstreamManager(nats)).streams.delete(roomsStream(streamIndexOf("lobby", 4)));
  assert.equal((await back.closing()).code, 4104);
  const again = await until("the gateway to follow another stream", async () => {
    const client = await system.client({ user: "bob", gateway: 1 });
    if ((await join(client, "lobby")).epoch !== epochs.get("lobby")) return client;
    client.close();
  });
  for (const room of ROOMS) {
    const since = { seq: seqs.get(room)![0]!, epoch: epochs.get(room)! };
    assert.equal((await join(again, room, since)).recovered, room !== "lobby", room);
  }
  again.send({ type: "message", room: "lobby", content: 1, id: "new" });
  const ack = await again.take("ack", ({ id }) => id === "new");
  // Seqs go on to rise.
  assert.ok(ack.seq! > 20, String(ack.seq));
  await nats.close();
});
