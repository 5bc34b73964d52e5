/** Clients that stall, at any point, are found and their connections closed. */
import assert from "node:assert/strict";
import { makeCertificate } from "../harness/certificate.ts";
import { openStream, poll, sendFrames } from "../harness/http_client.ts";
import { drip, openRaw } from "../harness/raw_http.ts";
import { startService, startSystem, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

const HANDSHAKE = [
  "GET /ws HTTP/1.1",
  "Host: 127.0.0.1",
  "Connection: Upgrade",
  "Upgrade: websocket",
  "Sec-WebSocket-Version: 13",
  "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
].join("\r\n");

Deno.test("deadlines", async (t) => {
  await using system = await startSystem({
    env: {
      gateway: {
        REQUEST_TIMEOUT_MS: "500",
        PING_INTERVAL_MS: "500",
        PONG_TIMEOUT_MS: "500",
        AUTH_DEADLINE_MS: "1000",
        DEMO: "true",
      },
    },
  });
  const { port } = system.gateways[0]!;
  const base = `http://127.0.0.1:${port}`;

  await t.step("a connection that sends nothing", async () => {
    using connection = openRaw(port);
    await connection.ended();
  });

  await t.step("a handshake and a request whose heads arrive slowly", async () => {
    for (const head of [HANDSHAKE, "POST /send HTTP/1.1\r\nHost: x"]) {
      using connection = openRaw(port);
      connection.send(`${head}\r\n`);
      await drip(connection, "X-Slow: yes\r\n");
      assert.match(connection.text, /^(HTTP\/1\.1 408 |$)/);
    }
  });

  await t.step("a body that arrives slowly", async () => {
    using connection = openRaw(port);
    connection.send("POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n");
    await drip(connection, "x");
  });

  await t.step("a WebSocket that sends no token", async () => {
    using connection = openRaw(port);
    connection.send(`${HANDSHAKE}\r\n\r\n`);
    await connection.ended();
    assert.match(connection.text, /^HTTP\/1\.1 101 [^]*no token in time[^]*Unauthorized/);
  });

  await t.step("a WebSocket whose other end is gone", async () => {
    using connection = openRaw(port);
    connection.send(`${HANDSHAKE}\r\nAuthorization: Bearer ${await tokenFor("ann")}\r\n\r\n`);
    // It answers no ping, as a machine that lost its network.
    await connection.ended();
    assert.match(connection.text, /"authenticated"[^]*No pong/);
  });

  await t.step("a stream and a polling session whose client is gone", async () => {
    const headers = { authorization: `Bearer ${await tokenFor("bob")}` };
    await using stream = await openStream(base, headers);
    await until("the close", async () => {
      const event = await within("an event", stream.next());
      return event?.event === "close" && event.data.code === 4103;
    });
    const { session } = await poll(base);
    await until(
      "the session to be gone",
      async () => (await sendFrames(base, session, 2)).status === 404,
    );
  });

  await t.step("a client that reads no answers", async () => {
    using connection = openRaw(port);
    connection.pause();
    // More than the buffers of both ends hold.
    connection.send("GET /page.js HTTP/1.1\r\nHost: x\r\n\r\n".repeat(2_000));
    await until("the gateway to give up", async () => {
      // A socket that is paused tells of its end when something is written to it.
      await connection.send("\r\n");
      return connection.closed;
    });
  });

  await t.step("a TLS handshake that stalls", async () => {
    const folder = await Deno.makeTempDir({ prefix: "hopwire-deadlines-" });
    const { certFile, keyFile } = await makeCertificate(folder, "first");
    await using secure = startService("gateway", {
      ...system.natsEnv("gateway"),
      TLS_CERT_FILE: certFile,
      TLS_KEY_FILE: keyFile,
      REQUEST_TIMEOUT_MS: "500",
    });
    await secure.ready();
    using silent = openRaw(secure.port);
    using slow = openRaw(secure.port);
    // The beginning of a record of 512 bytes that never ends.
    await slow.send(new Uint8Array([22, 3, 1, 2, 0, 1]));
    await Promise.all([silent.ended(), slow.ended()]);
    await Deno.remove(folder, { recursive: true });
  });
});

Deno.test("whoever does nothing for IDLE_TIMEOUT_MS is closed with 4102", async (t) => {
  await using system = await startSystem({
    env: { gateway: { IDLE_TIMEOUT_MS: "3000", PING_INTERVAL_MS: "500" } },
  });
  const base = `http://127.0.0.1:${system.gateways[0]!.port}`;

  await t.step("a WebSocket that only answers pings of the protocol", async () => {
    const client = await system.client({ user: "ann" });
    assert.equal((await client.closing()).code, 4102);
  });

  await t.step("a stream", async () => {
    await using stream = await openStream(base, {
      authorization: `Bearer ${await tokenFor("bob")}`,
    });
    await until("the close", async () => {
      const event = await within("an event", stream.next());
      return event?.event === "close" && event.data.code === 4102;
    });
  });

  await t.step("but not who polls, or sends ping", async () => {
    const client = await system.client({ user: "cid" });
    const headers = { authorization: `Bearer ${await tokenFor("dan")}` };
    const { session, n } = await poll(base, {}, headers);
    const end = performance.now() + 4_500;
    let after = n;
    while (performance.now() < end) {
      const answer = await poll(base, { session, after });
      assert.equal(answer.close, undefined);
      after = answer.n;
      client.send({ type: "ping" });
    }
    assert.equal(client.closed, undefined);
  });
});

Deno.test("hundreds of connections that send a byte now and then keep nobody out", async () => {
  await using system = await startSystem({
    env: { gateway: { REQUEST_TIMEOUT_MS: "5000", MAX_CONNECTIONS: "100" } },
  });
  const { port, process } = system.gateways[0]!;
  const openFiles = () => [...Deno.readDirSync(`/proc/${process.pid}/fd`)].length;
  const before = openFiles();
  const heads = [
    `${HANDSHAKE}\r\n`,
    "POST /send HTTP/1.1\r\nHost: x\r\nContent-Length: 500000\r\n\r\n",
  ];
  const slow = Array.from({ length: 400 }, (_, i) => {
    const connection = openRaw(port);
    void connection.send(heads[i % heads.length]!);
    return connection;
  });
  // A connection of the harness may close meanwhile.
  await until("all to be open", () => openFiles() >= before + 395);
  const client = await system.client({ user: "ann" });
  client.send({ type: "subscribe", room: "lobby" });
  await client.take("subscribed");
  // They never stop, and are closed all the same.
  await until("all to be closed", () => {
    for (const connection of slow) if (!connection.closed) void connection.send("X-Slow: y\r\n");
    return slow.every(({ closed }) => closed);
  });
  await until("their sockets to be free", () => openFiles() < before + 20);
  client.send({ type: "ping", id: "still" });
  await client.answer("still");
});
