/** How a connection begins, and how its token is renewed. */
import assert from "node:assert/strict";
import { startSystem, tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

Deno.test("handshakes and tokens", async (t) => {
  await using system = await startSystem();
  const port = system.gateways[0]!.port;

  /** Opens a WebSocket by hand and collects the chunks that arrive. */
  const request = async (path: string, token: string, version = 13) => {
    const connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const chunks: string[] = [];
    const reading = (async () => {
      const decoder = new TextDecoder();
      for await (const chunk of connection.readable) chunks.push(decoder.decode(chunk));
    })().catch(() => {});
    const lines = [
      `GET ${path} HTTP/1.1`,
      "Host: 127.0.0.1",
      "Connection: Upgrade",
      "Upgrade: websocket",
      `Sec-WebSocket-Version: ${version}`,
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==",
      `Authorization: Bearer ${token}`,
    ];
    const writer = connection.writable.getWriter();
    await writer.write(new TextEncoder().encode(`${lines.join("\r\n")}\r\n\r\n`));
    return {
      chunks,
      async close() {
        await writer.close().catch(() => {});
        await reading;
      },
    };
  };

  await t.step("the answer to a request with a token carries the result", async () => {
    for (const [token, result] of [[await tokenFor("ann"), "authenticated"], ["no", "error"]]) {
      const { chunks, close } = await request("/ws", token!);
      await until("the answer", () => chunks.length > 0);
      assert.match(chunks[0]!, /^HTTP\/1.1 101 /);
      assert.ok(chunks[0]!.includes(`{"type":"${result}"`), chunks[0]);
      await close();
    }
  });

  await t.step("a request that is no handshake is refused at once", async () => {
    for (const [path, version, status] of [["/wsx", 13, 404], ["/ws", 7, 400]] as const) {
      const { chunks, close } = await request(path, await tokenFor("ann"), version);
      await until("the answer", () => chunks.length > 0);
      assert.ok(chunks[0]!.startsWith(`HTTP/1.1 ${status} `), chunks[0]);
      await close();
    }
  });

  await t.step("the path may be written in any way that means the same", async () => {
    const { chunks, close } = await request("/x/../ws?y=1", await tokenFor("ann"));
    await until("the answer", () => chunks.length > 0);
    assert.match(chunks[0]!, /^HTTP\/1.1 101 /);
    await close();
  });

  await t.step("a token that follows another one waits for it", async () => {
    const client = await system.client({ user: "cid" });
    const tokens = await Promise.all([1, 2, 3].map((n) => tokenFor("cid", { name: `Cid ${n}` })));
    for (const [i, token] of tokens.entries()) client.send({ type: "auth", token, id: String(i) });
    client.send({ type: "ping", id: "after" });
    await client.answer("2");
    await client.take("pong");
    const order = client.frames.map((frame) =>
      frame.type === "authenticated" ? frame.username : frame.type
    );
    assert.deepEqual(
      order.filter((name) => name !== "pong"),
      ["cid", "Cid 1", "Cid 2", "Cid 3"],
    );
    // Frames behind a token wait while that waits for another, and not while it is verified itself: whether
    // the third one waited depends on when it was read.
    assert.ok(order.indexOf("pong") > order.indexOf("Cid 2"), order.join());
  });
});
