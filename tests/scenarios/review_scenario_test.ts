/** Regressions: defects that a review once found. */
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import assert from "node:assert/strict";
import WebSocket from "ws";
import { ROOMS_STREAM, type ServerFrameOf, signalSubject } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { startSystem, type System, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

async function join(client: TestClient, room: string): Promise<ServerFrameOf<"subscribed">> {
  client.send({ type: "subscribe", room });
  return await client.take("subscribed", (frame) => frame.room === room);
}

let messages = 0;

/** Sends messages of this size, a few at a time, and waits for all acks. */
async function say(client: TestClient, room: string, count: number, bytes = 10): Promise<void> {
  const content = "x".repeat(bytes);
  for (let i = 0; i < count; i += 8) {
    const some = Math.min(8, count - i);
    for (let j = 0; j < some; j++) {
      client.send({ type: "message", room, content, id: `m${messages++}` });
    }
    await client.takeMany("ack", some);
  }
}

/** A client that reads nothing. */
async function deafMember(system: System, user: string, room: string): Promise<WebSocket> {
  const socket = new WebSocket(system.url());
  socket.on("error", () => {});
  await within("the socket", new Promise((resolve) => socket.on("open", resolve)));
  const joined = new Promise<void>((resolve) =>
    socket.on("message", (data) => String(data).includes('"subscribed"') && resolve())
  );
  socket.send(JSON.stringify({ type: "auth", token: await tokenFor(user) }));
  socket.send(JSON.stringify({ type: "subscribe", room }));
  await within("the room", joined);
  socket.pause();
  return socket;
}

const natsOf = (system: System) => connect({ servers: system.nats.url.replace("nats://", "") });

Deno.test("closing a slow member during a fan-out costs the others no message", async () => {
  await using system = await startSystem();
  const before = await system.client({ user: "before" });
  await join(before, "hall");
  const deaf = [
    await deafMember(system, "deaf1", "hall"),
    await deafMember(system, "deaf2", "hall"),
  ];
  const after = await system.client({ user: "after" });
  await join(after, "hall");
  const sender = await system.client({ user: "sender" });
  await join(sender, "hall");
  // The socket buffers hold data on top of the 1 MiB that may be pending.
  const sent = 600;
  await say(sender, "hall", sent, 30_000);
  for (const client of [before, after, sender]) {
    const got = await client.takeMany("room-message", sent);
    for (let i = 1; i < got.length; i++) assert.equal(got[i]!.prev, got[i - 1]!.seq);
  }
  // Both were slow enough to be closed, so they are no longer members.
  await until("the slow members to leave", async () => {
    before.send({ type: "presence", room: "hall", id: "p" });
    const { members } = await before.take("presence");
    return members.map(({ userId }) => userId).join() === "after,before,sender";
  });
  for (const socket of deaf) socket.terminate();
});

Deno.test("resuming many rooms and reading much history does not count as slowness", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  const rooms = Array.from({ length: 8 }, (_, i) => `room${i}`);
  let epoch = "";
  for (const room of rooms) {
    ({ epoch } = await join(ann, room));
    await say(ann, room, 20, 30_000);
  }
  const bob = await system.client({ user: "bob" });
  for (const room of rooms) bob.send({ type: "subscribe", room, since: { seq: 0, epoch } });
  const got = await bob.takeMany("room-message", 160);
  for (const room of rooms) assert.equal(got.filter((frame) => frame.room === room).length, 20);
  for (const room of rooms) bob.send({ type: "history", room, limit: 500, id: room });
  const pages = await bob.takeMany("history", rooms.length);
  assert.ok(pages.every(({ messages }) => messages.length > 15));
  assert.equal(bob.closed, undefined);
});

Deno.test("a missing right is refused everywhere", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "lobby");
  await say(ann, "lobby", 5);
  const bare = await system.client({ user: "bare", claims: { rooms: { lobby: ["subscribe"] } } });
  bare.send({ type: "subscribe", room: "lobby", since: { seq: 0, epoch } });
  const { recovered, count } = await bare.take("subscribed");
  assert.deepEqual([recovered, count], [false, undefined]);
  const bob = await system.client({ user: "bob" });
  await join(bob, "lobby");
  await ann.take("user-joined", ({ userId }) => userId === "bob");
  await say(ann, "lobby", 1);
  await bare.take("room-message");
  await system.nats.restart();
  bob.send({ type: "unsubscribe", room: "lobby" });
  await ann.take("user-left", ({ userId }) => userId === "bob");
  await until("the bus", async () => {
    ann.send({ type: "message", room: "lobby", content: "last", id: "last" });
    return (await ann.answer("last")).type === "ack";
  });
  await bare.take("room-message", ({ content }) => content === "last");
  const types = new Set(bare.frames.map(({ type }) => type));
  assert.deepEqual([...types].sort(), ["authenticated", "room-message", "subscribed"]);
});

Deno.test("a token with fewer rooms removes rights, and leaves rooms it does not name", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  await join(ann, "keep");
  await join(ann, "lose");
  const rooms = { keep: ["subscribe", "history"] };
  ann.send({ type: "auth", token: await tokenFor("ann", { rooms }), id: "new" });
  await ann.take("authenticated", ({ id }) => id === "new");
  const left = await ann.take("error");
  assert.deepEqual([left.code, left.room], ["forbidden", "lose"]);
  ann.send({ type: "message", room: "keep", content: 1, id: "1" });
  assert.equal((await ann.take("error")).code, "forbidden");
  ann.send({ type: "message", room: "lose", content: 1, id: "2" });
  assert.equal((await ann.take("error")).code, "room_not_found");
});

Deno.test("a token with fewer rooms ends joins that are under way, too", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  const rooms = Array.from({ length: 20 }, (_, i) => `lose${i}`);
  const token = await tokenFor("ann", { rooms: ["keep"] });
  for (const room of rooms) ann.send({ type: "subscribe", room });
  ann.send({ type: "auth", token, id: "new" });
  for (const room of rooms) {
    const { code } = await ann.take("error", (frame) => frame.room === room);
    assert.equal(code, "forbidden");
    ann.send({ type: "message", room, content: 1, id: room });
    const answer = await ann.answer(room);
    assert.equal(answer.type === "error" && answer.code, "room_not_found");
  }
});

Deno.test("a room that retention has emptied recovers no earlier position", async () => {
  await using system = await startSystem({
    gateways: 2,
    namespaces: [{ pattern: "brief.*", history: { maxAge: 1 } }],
    env: { persistence: { RETENTION_MS: "100" } },
  });
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "brief.a");
  await say(ann, "brief.a", 6);
  const live = await ann.takeMany("room-message", 6);
  await until("retention", async () => {
    ann.send({ type: "history", room: "brief.a", id: "h" });
    return (await ann.take("history")).messages.length === 0;
  });
  const bob = await system.client({ user: "bob", gateway: 1 });
  const { seq } = await join(bob, "brief.a");
  assert.equal(seq, live.at(-1)!.seq);
  // Messages that retention deleted are not a gap, and resuming needs no archive.
  await system.persistences[0]!.kill();
  ann.send({ type: "message", room: "brief.a", content: "new", id: "new" });
  for (const client of [ann, bob]) {
    const { prev } = await client.take("room-message", ({ id }) => id === "new");
    assert.equal(prev, seq);
  }
  await system.persistences[0]!.restart();
  await system.persistences[0]!.ready();
  for (const [index, expected] of [[1, false], [5, true]] as const) {
    const cid = await system.client({ user: `cid${index}`, gateway: 1 });
    cid.send({ type: "subscribe", room: "brief.a", since: { seq: live[index]!.seq, epoch } });
    assert.equal((await cid.take("subscribed")).recovered, expected, String(index));
  }
});

Deno.test("the gateway notices that the log was recreated", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "lobby");
  await say(ann, "lobby", 5);
  await ann.takeMany("room-message", 5);
  const nats = await natsOf(system);
  await (await jetstreamManager(nats)).streams.delete(ROOMS_STREAM);
  // Persistence creates a new one and announces it.
  assert.equal((await ann.closing()).code, 4104);
  const back = await system.client({ user: "ann" });
  back.send({ type: "subscribe", room: "lobby", since: { seq: 5, epoch } });
  const subscribed = await back.take("subscribed");
  assert.equal(subscribed.recovered, false);
  assert.notEqual(subscribed.epoch, epoch);
  back.send({ type: "message", room: "lobby", content: 2, id: "live" });
  await back.take("room-message", ({ id }) => id === "live");
  await nats.close();
});

Deno.test("a stalled rooms instance leaves no stale members", async () => {
  await using system = await startSystem({
    rooms: 2,
    env: { gateway: { PRESENCE_LINGER_MS: "0" } },
  });
  const ann = await system.client({ user: "ann" });
  const watcher = await system.client({ user: "watcher" });
  const rooms = Array.from({ length: 8 }, (_, i) => `g${i}`);
  for (const room of rooms) await join(watcher, room);
  await system.rooms[1]!.process.stop();
  for (const room of rooms) {
    // Half of the requests go to the suspended instance, possibly every attempt.
    await until(`to be in ${room}`, async () => {
      ann.send({ type: "subscribe", room, id: room });
      return (await ann.answer(room)).type === "subscribed";
    }, 60_000);
  }
  for (const room of rooms) ann.send({ type: "unsubscribe", room });
  await ann.takeMany("unsubscribed", rooms.length);
  system.rooms[1]!.process.signal("SIGCONT");
  await until("only the watcher to remain", async () => {
    for (const room of rooms) {
      watcher.send({ type: "presence", room, id: room });
      const answer = await watcher.answer(room);
      if (answer.type !== "presence" || answer.count !== 1) return false;
    }
    return true;
  });
});

Deno.test("an invalid signal is ignored; one from a service reaches the room", async () => {
  await using system = await startSystem();
  const ann = await system.client({ user: "ann" });
  await join(ann, "lobby");
  const nats = await natsOf(system);
  const signal = { room: "lobby", userId: "bot", username: "Bot", content: 1 };
  for (const bad of ["{}", "[1]", new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])]) {
    nats.publish(signalSubject("lobby"), bad);
  }
  nats.publish(signalSubject("lobby"), JSON.stringify({ ...signal, type: "ack" }));
  assert.deepEqual(await ann.take("room-signal"), { type: "room-signal", ...signal });
  assert.equal(ann.closed, undefined);
  await nats.close();
});

Deno.test("the gateway closes the connection after a refused upgrade", async () => {
  await using system = await startSystem();
  const port = system.gateways[0]!.port;
  const request = "GET /nope HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
    "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
  const socket = await Deno.connect({ hostname: "127.0.0.1", port });
  await socket.write(new TextEncoder().encode(request));
  const buffer = new Uint8Array(1_024);
  let text = "";
  for (;;) {
    const count = await within("the end", socket.read(buffer));
    if (count === null) break;
    text += new TextDecoder().decode(buffer.subarray(0, count));
  }
  assert.match(text, /^HTTP\/1.1 404/);
  socket.close();
});
