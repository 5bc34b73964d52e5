/** What waits for clients that do not read is bounded, and whoever owes most pays for it. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { rssOf } from "../bench/processes.ts";
import { handshake } from "../bench/targets.ts";
import type { TestClient } from "../harness/client.ts";
import { connectRaw, type RawClient } from "../harness/raw_client.ts";
import { poll, sendFrames } from "../harness/http_client.ts";
import { openRaw, type RawConnection } from "../harness/raw_http.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const SOCKETS = 40;
const REQUESTS = 16;
const MESSAGES = 40;
const BYTES = 30_000;

/** Stores more than a page of messages in a room. */
async function fillRoom(client: TestClient, room: string): Promise<void> {
  client.send({ type: "subscribe", room });
  await client.take("subscribed");
  const content = "x".repeat(BYTES);
  for (let i = 0; i < MESSAGES; i++) {
    client.send({ type: "message", room, id: `${room}-${i}`, content });
    // The client is a member, too: more than a mebibyte that it has not read would close it.
    await client.take("ack");
  }
}

const history = (room: string, id: string) => ({ type: "history", room, id, limit: 500 });

Deno.test("forty sockets that ask for history and never read cost less than 64 MB", async () => {
  // As much history as anybody wants: what bounds the memory is that nobody reads it.
  await using system = await startSystem({
    env: { gateway: { USER_RATE_HISTORY_BYTES: "1000000000" } },
  });
  const { port, process } = system.gateways[0]!;
  const ann = await system.client({ user: "ann" });
  await fillRoom(ann, "lobby");
  const readPages = async (count: number) => {
    let most = 0;
    for (let i = 0; i < count; i++) {
      const id = `${most}-${i}`;
      ann.send(history("lobby", id));
      assert.equal((await ann.answer(id)).type, "history");
      most = Math.max(most, rssOf(process.pid));
    }
    return most;
  };
  // What pages cost that are read.
  const before = await readPages(100);
  const sockets: RawClient[] = [];
  for (let i = 0; i < SOCKETS; i++) {
    const socket = await connectRaw(port, "eve");
    await socket.send({ type: "subscribe", room: "lobby" });
    await socket.readUntil('"subscribed"');
    sockets.push(socket);
  }
  const ids = Array.from({ length: REQUESTS }, (_, i) => `h${i}`);
  for (const socket of sockets) await socket.send(...ids.map((id) => history("lobby", id)));
  // Meanwhile another user reads history, page after page.
  const grown = (await readPages(60) - before) / 1e6;
  assert.ok(grown < 64, `${grown} MB`);
  for (const socket of sockets) socket.close();
});

Deno.test("above the memory budget those that owe most are closed, and nobody else", async () => {
  await using system = await startSystem({
    env: {
      gateway: {
        MEMORY_BUDGET_BYTES: String(16 * 2 ** 20),
        SEND_BUFFER_BYTES: String(64 * 2 ** 20),
        PRESENCE_LINGER_MS: "0",
        USER_RATE_MESSAGES: "10000",
        USER_RATE_BYTES: "1000000000",
        // Nobody is closed for being silent.
        PING_INTERVAL_MS: "600000",
        PONG_TIMEOUT_MS: "600000",
      },
    },
  });
  const { port } = system.gateways[0]!;
  const [reader, speaker] = [
    await system.client({ user: "reader" }),
    await system.client({ user: "speaker" }),
  ];
  for (const client of [reader, speaker]) {
    client.send({ type: "subscribe", room: "flood" });
    await client.take("subscribed");
  }
  const sockets = await Promise.all(Array.from({ length: 8 }, async (_, i) => {
    const socket = await connectRaw(port, `eve-${i}`);
    await socket.send({ type: "subscribe", room: "flood" });
    await socket.readUntil('"subscribed"');
    return socket;
  }));
  const content = "x".repeat(BYTES);
  // 18 MB for each: less than its own limit, with the others more than the budget.
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 20; i++) {
      speaker.send({ type: "message", room: "flood", id: `${round}-${i}`, content });
    }
    await reader.takeMany("room-message", 20);
  }
  // Those that fit into the budget may stay.
  await until("most of those that never read to be closed", async () => {
    reader.send({ type: "presence", room: "flood", id: `p-${performance.now()}` });
    return (await reader.take("presence")).count <= 5;
  });
  assert.deepEqual([reader.closed, speaker.closed], [undefined, undefined]);
  for (const socket of sockets) socket.close();

  // So do those that send all of a message but its last bytes.
  const head = await handshake("mallory");
  const part = Buffer.alloc(65_530);
  part.set([0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 0]);
  const uploads = Array.from({ length: 180 }, () => openRaw(port));
  for (const upload of uploads) {
    await upload.send(head);
    await upload.send(part);
  }
  await until("some of them to be closed", () => uploads.some(({ closed }) => closed));
  assert.deepEqual([reader.closed, speaker.closed], [undefined, undefined]);
  for (const upload of uploads) upload[Symbol.dispose]();
});

Deno.test("streams that are not read and sessions that are not polled pay in the same way", async () => {
  await using system = await startSystem({
    env: {
      gateway: {
        MEMORY_BUDGET_BYTES: String(16 * 2 ** 20),
        SEND_BUFFER_BYTES: String(64 * 2 ** 20),
        PRESENCE_LINGER_MS: "0",
        USER_RATE_MESSAGES: "10000",
        USER_RATE_BYTES: "1000000000",
        // Nobody is closed for being silent.
        PING_INTERVAL_MS: "600000",
        PONG_TIMEOUT_MS: "600000",
      },
    },
  });
  const { port, process } = system.gateways[0]!;
  const base = `http://127.0.0.1:${port}`;
  const join = { type: "subscribe", room: "flood" };
  const [reader, speaker] = [
    await system.client({ user: "reader" }),
    await system.client({ user: "speaker" }),
  ];
  for (const client of [reader, speaker]) {
    client.send(join);
    await client.take("subscribed");
  }
  const streams: RawConnection[] = [];
  const polls: string[] = [];
  for (let i = 0; i < 4; i++) {
    const stream = openRaw(port);
    const token = await tokenFor(`eve-${i}`);
    stream.send(`GET /sse HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`);
    const opened = await until("the session", () => /"session":"([^"]+)"/.exec(stream.text));
    await sendFrames(base, opened[1]!, 1, join);
    await until("the join", () => stream.text.includes('"subscribed"'));
    stream.pause();
    streams.push(stream);
    const { session } = await poll(base, {}, { authorization: `Bearer ${token}` });
    await sendFrames(base, session, 1, join);
    polls.push(session);
  }
  const members = async () => {
    reader.send({ type: "presence", room: "flood", id: `p-${performance.now()}` });
    return (await reader.take("presence")).count;
  };
  await until("all to be in the room", async () => await members() === 6);
  const before = rssOf(process.pid);
  const content = "x".repeat(BYTES);
  for (let round = 0; round < 30; round++) {
    for (let i = 0; i < 20; i++) {
      speaker.send({ type: "message", room: "flood", id: `${round}-${i}`, content });
    }
    await reader.takeMany("room-message", 20);
  }
  // A message that all share is counted once for each: at most one of them fits.
  await until("the sessions to be closed", async () => {
    const answers = await Promise.all(
      polls.map((session) => sendFrames(base, session, 2, { type: "ping" })),
    );
    return answers.filter(({ status }) => status !== 204).length >= 3;
  });
  await until("the streams to be closed", async () => await members() <= 4);
  assert.deepEqual([reader.closed, speaker.closed], [undefined, undefined]);
  assert.ok(rssOf(process.pid) - before < 200 * 2 ** 20);
  for (const stream of streams) stream[Symbol.dispose]();
});
