/** What clients say reaches others unchanged, or is refused, or is made safe where a namespace says so. */
import assert from "node:assert/strict";
import { startSystem, tokenFor } from "../harness/system.ts";
import { connectClient } from "../harness/client.ts";

Deno.test("content", async (t) => {
  await using system = await startSystem({
    namespaces: [{ pattern: "news.*", content: "html" }, { pattern: "live.*", stored: false }],
  });
  const [ann, bob] = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  for (const client of [ann, bob]) {
    for (const room of ["lobby", "live.x", "news.x"]) client.send({ type: "subscribe", room });
    await client.takeMany("subscribed", 3);
  }
  const refusal = async (frame: object, id: string) => {
    ann.send({ ...frame, id });
    const answer = await ann.answer(id);
    assert.equal(answer.type, "error");
    return "message" in answer ? answer.message : "";
  };

  await t.step("text is delivered unchanged, live and in history", async () => {
    const texts = [
      "<script>alert(1)</script> & \"'",
      "\u0000\u0007\u001b[31m\u007f\r\n\t\u2028",
      "\u202eright to left \u200d \ufeff \uffff",
      "🦊 e\u0301 ﷽",
      "\\ud83e",
    ];
    for (const room of ["lobby", "live.x"]) {
      for (const content of texts) {
        ann.send({ type: "message", room, content });
        assert.equal((await bob.take("room-message", (f) => f.room === room)).content, content);
      }
    }
    bob.send({ type: "history", room: "lobby", id: "h" });
    const { messages } = await bob.take("history");
    assert.deepEqual(messages.map(({ content }) => content).reverse(), texts);
  });

  await t.step("half a character is refused", async () => {
    const half = "\ud83e";
    for (
      const frame of [
        { type: "message", room: "lobby", content: half },
        { type: "signal", room: "lobby", content: { text: [half] } },
        { type: "update-presence", room: "lobby", presence: { status: half } },
        { type: "call", service: "dice", method: "roll", data: half },
      ]
    ) {
      const id = `half-${frame.type}`;
      assert.match(await refusal(frame, id), /^Invalid message format: .*a lone surrogate/);
    }
  });

  await t.step("where HTML is required, it is made safe before it is stored", async () => {
    const attack =
      '<b onclick="alert(1)">Hi</b><img src=x onerror=alert(2)><script>alert(3)</script>';
    ann.send({ type: "message", room: "news.x", content: attack, id: "m" });
    assert.equal((await bob.take("room-message", (f) => f.room === "news.x")).content, "<b>Hi</b>");
    ann.send({ type: "signal", room: "news.x", content: attack });
    assert.equal((await bob.take("room-signal")).content, "<b>Hi</b>");
    bob.send({ type: "history", room: "news.x", id: "h2" });
    const { messages } = await bob.take("history");
    assert.deepEqual(messages.map(({ content }) => content), ["<b>Hi</b>"]);
    const frame = { type: "message", room: "news.x", content: { html: "<b>" } };
    assert.match(await refusal(frame, "object"), /this room requires a string of HTML/);
  });

  await t.step("names with control characters are refused", async () => {
    for (const claims of [{ name: "a\nb" }, { name: "\u202eeve" }, { sub: "a\u0000" }]) {
      const client = await connectClient(system.url());
      client.send({ type: "auth", token: await tokenFor("eve", claims) });
      const { message } = await client.take("error");
      assert.match(message, /claims: (name|sub): expected no control characters/);
      assert.equal((await client.closing()).code, 4001);
    }
  });
});
