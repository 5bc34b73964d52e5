import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { until } from "../../../../tests/harness/wait.ts";
import { DirectSocket } from "./direct_socket.ts";
import { DIRECT_READS } from "./stream_reads.ts";

/** Sockets that talk at once in a test. */
const MANY = 40;

/** A masked frame with a payload below 64 KiB. */
function frame(first: number, payload: string | number[] = ""): Buffer {
  const bytes = Buffer.from(payload as string);
  const size = bytes.length;
  const header = size < 126 ? [first, 0x80 | size] : [first, 0xfe, size >> 8, size & 255];
  const masked = bytes.map((byte, i) => byte ^ (i % 4 + 1));
  return Buffer.concat([Buffer.from([...header, 1, 2, 3, 4]), masked]);
}

/** One side of a connection whose other side is the gateway's. */
interface Pair {
  client: Socket;
  link: DirectSocket;
  /** What the gateway was told, in order. */
  told: string[];
  /** What the client has received. */
  received(): string;
}

/** Starts a server; `pair` connects to it. Every connection must have closed at the end. */
async function start(): Promise<AsyncDisposable & { pair(first?: Buffer): Promise<Pair> }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const accepted = new Map<number, Socket>();
  server.on("connection", (socket) => accepted.set(socket.remotePort!, socket));
  return {
    async pair(first = Buffer.alloc(0)) {
      const client = connect({ port, host: "127.0.0.1", allowHalfOpen: true });
      client.on("error", () => {});
      let received = "";
      client.on("data", (data) => received += data.toString("latin1"));
      const socket = await until("the server", () => accepted.get(client.localPort!));
      const told: string[] = [];
      const link = new DirectSocket(socket);
      link.open({
        text: (text) => told.push(text),
        binary: () => told.push("binary"),
        answer: (pong) => socket.write(pong),
        pong: () => {},
        closing: () => told.push("closing"),
        failed: () => told.push("failed"),
        closed: (code) => told.push(`closed ${code}`),
      }, first);
      return { client, link, told, received: () => received };
    },
    async [Symbol.asyncDispose]() {
      server.close();
      await once(server, "close");
    },
  };
}

const options = { ignore: !DIRECT_READS };
const ended = (pair: Pair) =>
  until("the close", () => pair.told.some((line) => line.startsWith("closed")));

Deno.test("connections that are reset at any point close once", options, async () => {
  await using server = await start();
  const starts = [
    [],
    [...frame(0x81, "hello").subarray(0, 3)],
    [...frame(0x81, "hello")],
    [...frame(0x88, [0x03, 0xe8])],
  ];
  for (const bytes of starts) {
    const pairs = await Promise.all(Array.from({ length: 10 }, () => server.pair()));
    for (const { client, link } of pairs) {
      client.write(Buffer.from(bytes));
      // Writes of the gateway may meet the reset.
      link.close(4000, "bye");
      client.resetAndDestroy();
    }
    for (const pair of pairs) {
      await ended(pair);
      assert.equal(pair.told.filter((line) => line.startsWith("closed")).length, 1);
    }
  }
});

Deno.test("either side may close, and the code is the client's", options, async () => {
  await using server = await start();
  const byClient = await server.pair();
  byClient.client.write(Buffer.concat([frame(0x81, "last"), frame(0x88, [0x0f, 0xa1, 0x78])]));
  byClient.client.once("end", () => byClient.client.end());
  await ended(byClient);
  assert.deepEqual(byClient.told, ["last", "closing", "closed 4001"]);
  assert.equal(byClient.received(), "\x88\x03\x0f\xa1x");

  const byGateway = await server.pair();
  byGateway.link.close(4100, "so");
  byGateway.link.close(4101, "again");
  await until("the frame", () => byGateway.received() === "\x88\x04\x10\x04so");
  byGateway.client.once("end", () => byGateway.client.end());
  byGateway.client.write(frame(0x88, [0x10, 0x04]));
  await ended(byGateway);
  assert.deepEqual(byGateway.told, ["closing", "closed 4100"]);
  assert.equal(byGateway.received(), "\x88\x04\x10\x04so");
});

Deno.test(
  "a client that ends without a close frame is let go, after what was read",
  options,
  async () => {
    await using server = await start();
    const pair = await server.pair(frame(0x81, "first"));
    pair.client.end(Buffer.concat([frame(0x81, "last"), frame(0x89, "p")]));
    await ended(pair);
    assert.deepEqual(pair.told, ["first", "last", "closing", "closed 1006"]);
    await until("the pong", () => pair.received() === "\x8a\x01p");
    pair.client.destroy();
  },
);

Deno.test(
  "a paused connection reads nothing, and everything once it resumes",
  options,
  async () => {
    await using server = await start();
    const pair = await server.pair();
    pair.link.pause();
    // More than the system buffers: the client has to wait for the gateway.
    const text = "x".repeat(60_000);
    let sent = false;
    for (let i = 0; i < 280; i++) pair.client.write(frame(0x81, `${i} ${text}`));
    pair.client.write(frame(0x81, "end"), () => sent = true);
    const other = await server.pair();
    other.client.write(frame(0x81, "go"));
    await until("another connection", () => other.told.length === 1);
    assert.deepEqual(pair.told, []);
    assert.ok(!sent && pair.client.writableLength > 0);
    pair.link.resume();
    await until("all messages", () => pair.told.length === 281);
    pair.told.forEach((told, i) => assert.equal(told, i === 280 ? "end" : `${i} ${text}`));
    for (const one of [pair, other]) {
      one.link.terminate();
      await ended(one);
      assert.equal(one.told.at(-1), "closed 1006");
      one.client.destroy();
    }
  },
);

Deno.test("many connections at once do not mix their bytes", options, async () => {
  await using server = await start();
  const pairs = await Promise.all(Array.from({ length: MANY }, () => server.pair()));
  const texts = pairs.map((_, i) =>
    Array.from(
      { length: 20 },
      (_, j) => `${i}-${j}-${String(i % 10).repeat((i * 37 + j * 911) % 9_000)}`,
    )
  );
  await Promise.all(pairs.map(async ({ client }, i) => {
    const all = Buffer.concat(texts[i]!.map((text) => frame(0x81, text)));
    const size = 1 + (i * 1_237) % 7_001;
    for (let at = 0; at < all.length; at += Math.max(size, all.length >> 5)) {
      client.write(all.subarray(at, at + Math.max(size, all.length >> 5)));
      await new Promise((turn) => setImmediate(turn));
    }
  }));
  await Promise.all(pairs.map(async (pair, i) => {
    await until("all texts", () => pair.told.length >= 20);
    assert.deepEqual(pair.told, texts[i]);
    pair.client.destroy();
    await ended(pair);
  }));
});
