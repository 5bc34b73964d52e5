/** Bad input leads to the documented error or close, and the gateway stays up. */
import assert from "node:assert/strict";
import { Buffer } from "node:buffer";
import WebSocket from "ws";
import { connectClient } from "../harness/client.ts";
import { openRaw } from "../harness/raw_http.ts";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until, within } from "../harness/wait.ts";

/** Opens an npm ws client, lets it act, and returns the code that it was closed with. */
async function closeCodeOf(
  url: string,
  act: (socket: WebSocket) => void,
  options: WebSocket.ClientOptions = {},
): Promise<number> {
  const socket = new WebSocket(url, options);
  const closed = new Promise<number>((resolve) => socket.on("close", resolve));
  socket.on("error", () => {});
  await within("the socket to open", new Promise((resolve) => socket.on("open", resolve)));
  act(socket);
  return await within("the close", closed);
}

Deno.test("bad input", async (t) => {
  await using system = await startSystem({
    env: { gateway: { AUTH_DEADLINE_MS: "300", PING_INTERVAL_MS: "400", PONG_TIMEOUT_MS: "400" } },
  });
  const [gateway] = system.gateways;
  const pid = gateway!.process.pid;

  await t.step(
    "a bad token is refused and closes with 4001, an expired one with 4002",
    async () => {
      for (const token of ["x", "a.b.c", (await tokenFor("ann")) + "x"]) {
        const client = await system.client();
        client.send({ type: "auth", token, id: "a" });
        const error = await client.take("error");
        assert.deepEqual([error.code, error.id], ["unauthorized", "a"]);
        assert.equal((await client.closing()).code, 4001);
      }
      const client = await system.client();
      client.send({ type: "auth", token: await tokenFor("ann", { exp: 1_000 }) });
      assert.equal((await client.take("error")).code, "token_expired");
      assert.equal((await client.closing()).code, 4002);
    },
  );

  await t.step("a missing token closes with 4001 at the deadline", async () => {
    const client = await system.client();
    assert.equal((await client.closing()).code, 4001);
  });

  await t.step(
    "frames before a token are refused, frames during its verification wait, however many",
    async () => {
      const client = await system.client();
      client.send({ type: "subscribe", room: "a", id: "early" });
      const refused = await client.take("error");
      assert.deepEqual([refused.code, refused.id], ["unauthorized", "early"]);
      // Auth is suspended, so that everything arrives during the verification.
      await system.auths[0]!.process.stop();
      client.send({ type: "auth", token: await tokenFor("ann") });
      client.send({ type: "subscribe", room: "early" });
      const contents = Array.from({ length: 500 }, (_, i) => i);
      for (const content of contents) client.send({ type: "message", room: "early", content });
      system.auths[0]!.process.signal("SIGCONT");
      const kept = await client.takeMany("room-message", contents.length);
      assert.deepEqual(kept.map(({ content }) => content), contents);
      client.close();
    },
  );

  await t.step(
    "bad frames get an error with the problem, and the connection stays open",
    async () => {
      const client = await system.client({ user: "ann" });
      const cases: [string, string, RegExp][] = [
        ["{", "invalid_format", /not JSON/],
        ["[1]", "invalid_format", /JSON object/],
        ['{"type":"shout"}', "unknown_type", /shout/],
        ['{"type":"message","room":"a"}', "invalid_format", /content: Required/],
        ['{"type":"message","room":"a b","content":1}', "invalid_format", /room/],
        ['{"type":"message","room":"a","content":1}', "room_not_found", /^Room not found$/],
        ['{"type":"signal","room":"a","content":1}', "room_not_found", /^Room not found$/],
        ['{"type":"history","room":"a","id":"1"}', "room_not_found", /^Room not found$/],
        ['{"type":"presence","room":"a","id":"1"}', "room_not_found", /^Room not found$/],
        ['{"type":"unsubscribe","room":"a"}', "room_not_found", /^Room not found$/],
      ];
      for (const [text, code, message] of cases) {
        client.send(text);
        const error = await client.take("error");
        assert.equal(error.code, code, text);
        assert.match(error.message, message, text);
      }
      client.send({ type: "subscribe", room: "a" });
      await client.take("subscribed");
      client.send({ type: "message", room: "a", content: "x".repeat(33_000), id: "big" });
      const tooLarge = await client.take("error");
      assert.deepEqual([tooLarge.code, tooLarge.id, tooLarge.room], ["too_large", "big", "a"]);
      client.send({ type: "message", room: "a", content: "ä".repeat(16_384), id: "wide" });
      assert.equal((await client.take("error")).code, "too_large");
      const full = "x".repeat(32 * 1024 - 2);
      client.send({ type: "message", room: "a", content: full, id: "full" });
      assert.equal((await client.take("room-message")).content, full);
      const deep = "[".repeat(16_000) + "]".repeat(16_000);
      client.send(`{"type":"message","room":"a","content":${deep},"id":"deep"}`);
      await client.take("ack", ({ id }) => id === "deep");
      client.send({ type: "ping", id: "still" });
      await client.take("pong");
      client.close();
    },
  );

  await t.step("a client's identity comes only from its token", async () => {
    const client = await system.client({ user: "ann" });
    client.send({ type: "subscribe", room: "who", userId: "root" });
    client.send({
      type: "message",
      room: "who",
      content: 1,
      userId: "root",
      username: "root",
      timestamp: 1,
    });
    const message = await client.take("room-message");
    assert.deepEqual([message.userId, message.username], ["ann", "ann"]);
    client.send({ type: "auth", token: await tokenFor("bob") });
    assert.equal((await client.take("error")).code, "forbidden");
    const exp = Math.floor(Date.now() / 1_000) + 7_200;
    client.send({ type: "auth", token: await tokenFor("ann", { exp }), id: "again" });
    const { expiresAt } = await client.take("authenticated", ({ id }) => id === "again");
    assert.equal(expiresAt, exp * 1_000);
    client.close();
  });

  await t.step(
    "frames that are binary, not UTF-8 or above 64 KiB close with the codes of RFC 6455",
    async () => {
      const url = system.url();
      assert.equal(await closeCodeOf(url, (socket) => socket.send("x".repeat(1024 * 1024))), 1009);
      assert.equal(await closeCodeOf(url, (socket) => socket.send(Buffer.from([1, 2]))), 1003);
      const invalid = Buffer.from([0x7b, 0xff, 0xfe, 0x7d]);
      assert.equal(
        await closeCodeOf(url, (socket) => socket.send(invalid, { binary: false })),
        1007,
      );
    },
  );

  await t.step("a page of another origin is closed with 4003", async () => {
    const code = await closeCodeOf(system.url(), () => {}, { origin: "https://evil.example" });
    assert.equal(code, 4003);
    assert.match(await gateway!.process.line("https://evil.example"), /ALLOWED_ORIGINS/);
  });

  await t.step("other paths do not upgrade, and plain requests get a response", async () => {
    await assert.rejects(connectClient(system.url().replace("/ws", "/other")));
    const http = system.url().replace("ws:", "http:").replace("/ws", "");
    for (const [path, status] of [["/healthz", 200], ["/readyz", 200], ["/none", 404]] as const) {
      const response = await fetch(http + path);
      await response.body?.cancel();
      assert.equal(response.status, status, path);
    }
    // As the HTTP client of Java asks first: for HTTP/2, if the server has it.
    using java = openRaw(gateway!.port);
    await java.send(
      "GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\n" +
        "HTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\n\r\n",
    );
    await until("the answer", () => java.text.startsWith("HTTP/1.1 200 "));
  });

  await t.step("a connection sends few requests before their answers", async () => {
    const request = "GET /none HTTP/1.1\r\nHost: x\r\n\r\n";
    using few = openRaw(gateway!.port);
    await few.send(request.repeat(16));
    await until("the answers", () => few.text.split("HTTP/1.1 404").length === 17);
    using many = openRaw(gateway!.port);
    await many.send(request.repeat(10_000));
    await many.ended();
    assert.ok(many.text.split("HTTP/1.1 404").length < 1_000);
  });

  await t.step(
    "a body in small chunks, or one that nobody reads, ends its connection",
    async () => {
      for (
        const [request, status] of [["POST /send", 400], ["POST /none", 404], ["PUT /poll", 405]]
      ) {
        using connection = openRaw(gateway!.port);
        await connection.send(
          `${request} HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n`,
        );
        await connection.send("1\r\na\r\n".repeat(10_000));
        await connection.ended();
        assert.match(connection.text, new RegExp(`^HTTP/1.1 ${status} [^]*connection: close`, "i"));
      }
    },
  );

  await t.step("a hundred bad frames within a minute close with 4005", async () => {
    const client = await system.client({ user: "ann" });
    for (let i = 0; i < 100; i++) client.send("{");
    assert.equal((await client.closing()).code, 4005);
  });

  await t.step(
    "a client that answers no ping is closed with 4103, others stay connected",
    async () => {
      const patient = await system.client({ user: "ann" });
      const socket = new WebSocket(system.url(), { autoPong: false });
      const closed = new Promise<number>((resolve) => socket.on("close", resolve));
      await within("the socket", new Promise((resolve) => socket.on("open", resolve)));
      socket.send(JSON.stringify({ type: "auth", token: await tokenFor("mute") }));
      assert.equal(await within("the close", closed), 4103);
      patient.send({ type: "ping" });
      await patient.take("pong");
      patient.close();
    },
  );

  assert.equal(gateway!.process.pid, pid);
  assert.equal(gateway!.process.ended, undefined);
});

Deno.test("limits of a gateway", async (t) => {
  await using system = await startSystem({
    env: {
      gateway: {
        MAX_CONNECTIONS: "4",
        MAX_ROOMS: "3",
        RATE_FRAMES_PER_SECOND: "5",
        RATE_BURST: "10",
        IDLE_TIMEOUT_MS: "2000",
        TOKEN_IN_QUERY: "true",
      },
    },
  });

  await t.step("the number of rooms of a connection is limited", async () => {
    const client = await system.client({ user: "ann" });
    for (const room of ["a", "b", "c", "d"]) client.send({ type: "subscribe", room });
    await client.takeMany("subscribed", 3);
    const refused = await client.take("error");
    assert.deepEqual([refused.code, refused.room], ["too_many_rooms", "d"]);
    client.close();
  });

  await t.step("too many frames are refused with a time to retry after", async () => {
    const client = await system.client({ user: "bob" });
    for (let i = 0; i < 20; i++) client.send({ type: "ping", id: `${i}` });
    const refused = await client.take("error");
    assert.equal(refused.code, "rate_limited");
    assert.ok(refused.retryAfter! > 0 && refused.retryAfter! <= 200);
    assert.equal((await client.closing()).code, 4102);
  });

  await t.step("a token in the query is accepted if enabled", async () => {
    const client = await connectClient(`${system.url()}?token=${await tokenFor("cid")}`);
    assert.equal((await client.take("authenticated")).userId, "cid");
    client.close();
    await client.closing();
  });

  await t.step("a connection above the limit gets a 503", async () => {
    const open = await until("four connections", async () => {
      const clients = [];
      for (let i = 0; i < 4; i++) clients.push(await connectClient(system.url()).catch(() => null));
      if (clients.every((client) => client !== null)) return clients;
      for (const client of clients) client?.close();
    });
    const http = system.url().replace("ws:", "http:");
    const response = await fetch(http, {
      headers: {
        connection: "Upgrade",
        upgrade: "websocket",
        "sec-websocket-version": "13",
        "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
      },
    }).catch(() => null);
    await response?.body?.cancel();
    await assert.rejects(connectClient(system.url()));
    for (const client of open) client.close();
  });
});
