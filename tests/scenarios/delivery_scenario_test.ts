/** Reliable delivery: recovery, repair, presence and back-pressure. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import type { ServerFrameOf } from "../../services/contract/mod.ts";
import type { TestClient } from "../harness/client.ts";
import { NO_QUOTAS, startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

async function join(client: TestClient, room: string): Promise<ServerFrameOf<"subscribed">> {
  client.send({ type: "subscribe", room });
  return await client.take("subscribed", (frame) => frame.room === room);
}

/** Sends this many messages and returns their acks. */
async function say(client: TestClient, room: string, count: number, prefix: string) {
  for (let i = 0; i < count; i++) {
    client.send({ type: "message", room, content: `${prefix}${i}`, id: `${prefix}${i}` });
  }
  return await client.takeMany("ack", count);
}

/** Returns every message of a room that a client received. Asserts that they form one chain. */
function chainOf(client: TestClient, room: string): ServerFrameOf<"room-message">[] {
  const messages = client.frames.filter((frame): frame is ServerFrameOf<"room-message"> =>
    frame.type === "room-message" && frame.room === room
  );
  for (let i = 1; i < messages.length; i++) {
    assert.equal(messages[i]!.prev, messages[i - 1]!.seq, `a gap or duplicate at ${i} in ${room}`);
  }
  return messages;
}

/** Starts counting the requests on a subject. */
async function countRequests(system: System, subject: string) {
  const nats = await connect({ servers: system.nats.url.replace("nats://", "") });
  let count = 0;
  nats.subscribe(subject, { callback: () => void count++ });
  await nats.flush();
  return { count: () => count, close: () => nats.close() };
}

Deno.test("a thousand members that resume a room share one read", async () => {
  await using system = await startSystem({ env: { gateway: { MAX_CONNECTIONS: "2000" } } });
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "plaza");
  await say(ann, "plaza", 100, "m");
  const live = await ann.takeMany("room-message", 100);

  /**
   * Resumes a thousand clients through a gateway that has no recent messages of the room. Returns
   * the number of history reads.
   */
  const comeBack = async (from: (i: number) => number): Promise<number> => {
    await system.gateways[0]!.restart();
    await system.gateways[0]!.ready();
    const clients: TestClient[] = [];
    for (let i = 0; i < 1_000; i += 50) {
      clients.push(
        ...await Promise.all(
          Array.from({ length: 50 }, (_, j) => system.client({ user: `user${(i + j) % 20}` })),
        ),
      );
    }
    const reads = await countRequests(system, "history.read");
    clients.forEach((client, i) => {
      const { seq } = live[from(i)]!;
      client.send({ type: "subscribe", room: "plaza", since: { seq, epoch } });
    });
    await Promise.all(clients.map(async (client, i) => {
      assert.equal((await client.take("subscribed")).recovered, true);
      const expected = live.slice(from(i) + 1);
      assert.deepEqual(await client.takeMany("room-message", expected.length), expected);
    }));
    for (const client of clients) client.close();
    await reads.close();
    return reads.count();
  };
  assert.equal(await comeBack(() => 20), 1);
  // Seven different positions, of which the oldest is not requested first: still fewer reads than
  // clients.
  const reads = await comeBack((i) => 80 - i % 7 * 12);
  assert.ok(reads <= 7, `${reads} reads`);
});

Deno.test("a client that joins a busy room receives each message once, in order", async () => {
  await using system = await startSystem({
    gateways: 2,
    env: { gateway: { RATE_BURST: "10000", ...NO_QUOTAS } },
  });
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "busy");
  await say(ann, "busy", 700, "early");
  const first = (await ann.takeMany("room-message", 700))[0]!;
  const joining: Promise<void>[] = [];
  for (let round = 0; round < 20; round++) {
    joining.push((async () => {
      const bob = await system.client({ user: `bob${round}`, gateway: round % 2 });
      bob.send({ type: "subscribe", room: "busy", since: { seq: first.seq, epoch } });
      assert.equal((await bob.take("subscribed")).recovered, true);
      await bob.take("room-message", ({ id }) => id === "last0");
      const chain = chainOf(bob, "busy");
      assert.equal(chain[0]!.prev, first.seq);
      assert.equal(chain.length, 699 + 20 * 20 + 1);
      bob.close();
    })());
    await say(ann, "busy", 20, `round${round}-`);
  }
  await say(ann, "busy", 1, "last");
  await Promise.all(joining);
});

Deno.test("a gateway that NATS drops as a slow consumer repairs its rooms", async () => {
  await using system = await startSystem({
    gateways: 2,
    // Above the size of one batch to persistence (500 of these messages).
    natsConfig: 'max_pending: 20MB\nwrite_deadline: "500ms"',
    env: { rooms: { GATEWAY_LEASE_MS: "60000" }, gateway: { SEND_BUFFER_BYTES: "67108864" } },
  });
  const ann = await system.client({ user: "ann", gateway: 0 });
  const bob = await system.client({ user: "bob", gateway: 1 });
  await join(ann, "flood");
  await join(bob, "flood");
  await system.gateways[1]!.process.stop();
  const text = "x".repeat(30_000);
  // In portions: more than 1 MiB at once would make ann a slow consumer, too.
  for (let i = 0; i < 1_000; i += 10) {
    for (let j = i; j < i + 10; j++) {
      ann.send({ type: "message", room: "flood", content: text, id: `f${j}` });
    }
    await ann.takeMany("ack", 10);
  }
  system.gateways[1]!.process.signal("SIGCONT");
  await bob.take("room-message", ({ id }) => id === "f999");
  assert.equal(chainOf(bob, "flood").length, 1_000);
  assert.ok(
    system.gateways[1]!.process.output.some((line) => line.includes("lost connection to NATS")),
    "NATS has not dropped the gateway, so this test proves nothing",
  );
});

Deno.test("since: before retention it is recovered: false, within retention it is complete", async () => {
  await using system = await startSystem({
    namespaces: [{ pattern: "short.*", history: { maxMessages: 5 } }],
    env: { persistence: { RETENTION_MS: "100" } },
  });
  const ann = await system.client({ user: "ann" });
  const { epoch } = await join(ann, "short.a");
  await say(ann, "short.a", 20, "m");
  const live = await ann.takeMany("room-message", 20);
  await until("retention", async () => {
    ann.send({ type: "history", room: "short.a", limit: 500, id: "h" });
    return (await ann.take("history")).messages.length === 5;
  });
  // This gateway still has them in its recent messages. Another one depends on the archive.
  await system.gateways[0]!.restart();
  await system.gateways[0]!.ready();
  for (
    const [index, recovered] of [[3, false], [13, false], [14, true], [17, true], [
      19,
      true,
    ]] as const
  ) {
    const bob = await system.client({ user: `bob${index}` });
    bob.send({ type: "subscribe", room: "short.a", since: { seq: live[index]!.seq, epoch } });
    assert.equal((await bob.take("subscribed")).recovered, recovered, String(index));
    if (recovered) {
      const missed = await bob.takeMany("room-message", 19 - index);
      assert.deepEqual(missed, live.slice(index + 1));
    }
    bob.close();
  }
});

Deno.test("after kill -9 of a gateway its members leave within 5 s, once each", async () => {
  await using system = await startSystem({ gateways: 2, rooms: 2 });
  const watcher = await system.client({ user: "watcher", gateway: 0 });
  await join(watcher, "hall");
  const users = ["a", "b", "c", "d", "e"];
  for (const user of users) await join(await system.client({ user, gateway: 1 }), "hall");
  // One of them is also connected to the other gateway, and stays.
  await join(await system.client({ user: "a", gateway: 0 }), "hall");
  await watcher.takeMany("user-joined", users.length);
  const began = performance.now();
  await system.gateways[1]!.kill();
  const left = await watcher.takeMany("user-left", 4);
  const seconds = (performance.now() - began) / 1_000;
  assert.ok(seconds <= 5, `${seconds} s`);
  assert.deepEqual(left.map(({ userId }) => userId).sort(), ["b", "c", "d", "e"]);
  watcher.send({ type: "presence", room: "hall", id: "p" });
  const { members } = await watcher.take("presence");
  assert.deepEqual(members.map(({ userId }) => userId), ["a", "watcher"]);
  assert.equal(watcher.frames.filter(({ type }) => type === "user-left").length, 4);
});

Deno.test("kill -9 of a rooms instance loses and duplicates nothing", async () => {
  await using system = await startSystem({ rooms: 2 });
  const watcher = await system.client({ user: "watcher" });
  await join(watcher, "hall");
  const killOne = async (i: number) => {
    const [dies, lives] = i % 20 === 5 ? system.rooms : system.rooms.toReversed();
    await lives!.ready();
    await dies!.restart();
  };
  const clients: TestClient[] = [];
  for (let i = 0; i < 30; i++) {
    const client = await system.client({ user: `user${i}` });
    client.send({ type: "subscribe", room: "hall" });
    clients.push(client);
    if (i % 10 === 5) await killOne(i);
  }
  for (const client of clients) await client.take("subscribed");
  await watcher.takeMany("user-joined", 30);
  for (const [i, client] of clients.entries()) {
    client.send({ type: "unsubscribe", room: "hall" });
    if (i % 10 === 5) await killOne(i);
  }
  await watcher.takeMany("user-left", 30);
  const noise = watcher.frames.filter(({ type }) => /^user-/.test(type));
  assert.equal(noise.length, 60);
  watcher.send({ type: "presence", room: "hall", id: "p" });
  assert.deepEqual((await watcher.take("presence")).members.map(({ userId }) => userId), [
    "watcher",
  ]);
});

Deno.test("rooms of more than a thousand members announce counts, not names", async () => {
  await using system = await startSystem({ env: { gateway: { MAX_CONNECTIONS: "2000" } } });
  const watcher = await system.client({ user: "watcher" });
  await join(watcher, "stadium");
  for (let i = 0; i < 1_100; i += 50) {
    await Promise.all(Array.from({ length: 50 }, async (_, j) => {
      await join(await system.client({ user: `fan${i + j}` }), "stadium");
    }));
  }
  await watcher.take("presence", ({ count }) => count === 1_101);
  const told = watcher.frames.filter(({ type }) => type === "user-joined").length;
  assert.ok(told >= 950 && told <= 1_050, `${told} joins were told one by one`);
  watcher.send({ type: "presence", room: "stadium", id: "p", limit: 500 });
  const page = await watcher.take("presence", ({ id }) => id === "p");
  assert.deepEqual([page.count, page.members.length, page.more], [1_101, 500, true]);
});

Deno.test("a full log refuses messages and acks none of them", async () => {
  await using system = await startSystem({ env: { persistence: { STREAM_MAX_BYTES: "1048576" } } });
  const ann = await system.client({ user: "ann" });
  await join(ann, "full");
  // Persistence is suspended, so nothing can be purged.
  await system.persistences[0]!.process.stop();
  const text = "x".repeat(20_000);
  const acked: string[] = [];
  let refused: ServerFrameOf<"error"> | undefined;
  for (let i = 0; i < 100 && refused === undefined; i++) {
    ann.send({ type: "message", room: "full", content: text, id: `b${i}` });
    const answer = await ann.answer(`b${i}`);
    if (answer.type === "error") refused = answer;
    else acked.push(`b${i}`);
  }
  assert.deepEqual([refused?.code, refused?.retryAfter], ["unavailable", 1_000]);
  assert.ok(acked.length >= 20, String(acked.length));
  system.persistences[0]!.process.signal("SIGCONT");
  await until("space in the log", async () => {
    ann.send({ type: "message", room: "full", content: "more", id: "more" });
    return (await ann.answer("more")).type === "ack";
  });
  ann.send({ type: "history", room: "full", after: 0, limit: 500, id: "h" });
  const ids: string[] = [];
  for (let page = await ann.take("history");;) {
    ids.push(...page.messages.map(({ id }) => id));
    if (!page.more) break;
    const after = page.messages.at(-1)!.seq;
    ann.send({ type: "history", room: "full", after, limit: 500, id: "h" });
    page = await ann.take("history");
  }
  for (const id of acked) assert.ok(ids.includes(id), `${id} was acked and is lost`);
});
