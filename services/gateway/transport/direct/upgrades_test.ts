import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import { once } from "node:events";
import { createServer, type Server } from "node:http";
import { type AddressInfo, connect, type Socket } from "node:net";
import { until } from "../../../../tests/harness/wait.ts";
import { proxyHeader } from "../../../../tests/harness/raw_http.ts";
import { requireProxyHeader } from "../front/proxy_header.ts";
import { DIRECT_READS } from "./stream_reads.ts";
import { type DirectUpgrades, takeUpgrades } from "./upgrades.ts";

const HANDSHAKE = [
  "GET /ws HTTP/1.1",
  "Host: x",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
].join("\r\n") + "\r\n\r\n";

/** Starts a server with the direct way, which answers each request with what its body was. */
async function start(
  { timeout = 60_000, proxied = false } = {},
): Promise<AsyncDisposable & { port: number; server: Server; upgrades: DirectUpgrades }> {
  const server = createServer(async (request, response) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    response.end(`[${request.method} ${sumOf(Buffer.concat(chunks))}]`);
  });
  const upgrades = takeUpgrades(server, timeout)!;
  if (proxied) {
    const options = { timeout, onSource() {}, onRefused() {} };
    requireProxyHeader(server, { isTrusted: () => true, ...options });
  }
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    server,
    upgrades,
    async [Symbol.asyncDispose]() {
      upgrades.stop();
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

/** Length and a sum of a body that tells whether any byte is lost, or in another place. */
function sumOf(body: Buffer): string {
  let sum = 0;
  for (const byte of body) sum = (sum * 31 + byte) | 0;
  return `${body.length} ${sum}`;
}

/** Pipelined requests, and the answers to expect. */
function requests(): { bytes: Buffer; answers: string[] } {
  const body = (length: number) =>
    Buffer.from(Array.from({ length }, (_, i) => (i * 7 + (i >> 8)) & 255));
  const parts: Buffer[] = [];
  const answers: string[] = [];
  const add = (head: string, content: Buffer, ...encoded: Buffer[]) => {
    parts.push(Buffer.from(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n\r\n`), ...encoded);
    answers.push(`[POST ${sumOf(content)}]`);
  };
  for (const length of [5, 0, 700, 150_000, 20]) {
    const content = body(length);
    add(`Content-Length: ${length}`, content, content);
    const half = length >> 1;
    const chunks = [content.subarray(0, half), content.subarray(half)].filter((c) => c.length > 0);
    add(
      "Transfer-Encoding: chunked\r\nExpect: 100-continue",
      content,
      ...chunks.flatMap((chunk) => [
        Buffer.from(`${chunk.length.toString(16)}\r\n`),
        chunk,
        Buffer.from("\r\n"),
      ]),
      Buffer.from("0\r\n\r\n"),
    );
  }
  return { bytes: Buffer.concat(parts), answers };
}

interface Client extends Disposable {
  readonly socket: Socket;
  readonly text: string;
  readonly closed: boolean;
}

function open(port: number): Client {
  const socket = connect(port, "127.0.0.1");
  socket.setNoDelay(true);
  let text = "";
  let closed = false;
  socket.on("data", (data) => text += data.toString("latin1"));
  socket.on("error", () => {});
  socket.on("close", () => closed = true);
  return {
    socket,
    get text() {
      return text;
    },
    get closed() {
      return closed;
    },
    [Symbol.dispose]: () => void socket.destroy(),
  };
}

const options = { ignore: !DIRECT_READS };

Deno.test(
  "requests reach node:http whole and in order, however they are cut",
  options,
  async () => {
    const { bytes, answers } = requests();
    for (const proxied of [false, true]) {
      await using server = await start({ proxied });
      const all = proxied ? Buffer.concat([proxyHeader("203.0.113.9"), bytes]) : bytes;
      const first = [1, 10, 28, 29, 60, 100, 105, 200, 1_000, 5_000, 65_536, all.length];
      await Promise.all(first.map(async (length) => {
        using client = open(server.port);
        await once(client.socket, "connect");
        // The first two pieces small, then all that remains.
        for (const [from, to] of [[0, length], [length, 2 * length], [2 * length, all.length]]) {
          if (from! >= all.length) continue;
          await new Promise((sent) => client.socket.write(all.subarray(from, to), sent));
          // The server reads each piece before the next one arrives, or most of them.
          await new Promise((turn) => setTimeout(turn, 5));
        }
        const received = () => client.text.match(/\[POST [^\]]*\]/g) ?? [];
        await until("the answers", () => client.closed || received().length >= answers.length);
        assert.deepEqual(received(), answers, `cut after ${length}`);
      }));
    }
  },
);

Deno.test(
  "a handshake in one piece goes the direct way, with what follows it",
  options,
  async () => {
    await using server = await start();
    const taken: string[] = [];
    server.upgrades.accept = (head, socket, first) => {
      if (head.url !== "/ws") return false;
      taken.push(first.toString("latin1"));
      socket.end("taken");
      return true;
    };
    using whole = open(server.port);
    whole.socket.write(`${HANDSHAKE}frames`);
    await until("the answer", () => whole.text === "taken");
    assert.deepEqual(taken, ["frames"]);
    // Anything else is answered by node:http.
    using other = open(server.port);
    other.socket.write(HANDSHAKE.replace("/ws", "/x").replace("Upgrade: websocket\r\n", ""));
    await until("the answer", () => other.text.includes("[GET 0 0]"));
    assert.equal(taken.length, 1);
  },
);

Deno.test("a silent connection has a deadline", options, async () => {
  await using server = await start({ timeout: 200 });
  using silent = open(server.port);
  await until("the close", () => silent.closed);
  assert.equal(silent.text, "");
});
