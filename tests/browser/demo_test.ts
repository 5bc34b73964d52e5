/** The demo page, and with it the client, in a real browser. */
import assert from "node:assert/strict";
import { until } from "../harness/wait.ts";
import { assertShown, badge, browserTest, members, messages, say, shownTexts } from "./stage.ts";

browserTest(
  "two tabs exchange messages, typing and presence, and no input becomes markup",
  async ({ open }) => {
    const ann = await open("Ann");
    const bob = await open("Bob");
    for (const page of [ann, bob]) {
      for (const name of ["Ann", "Bob"]) await members(page).getByText(name).waitFor();
    }
    await bob.getByLabel("Message", { exact: true }).pressSequentially("Hel");
    await ann.getByText("Bob is typing ...").waitFor();
    await say(bob, "Hello, Ann");
    await say(ann, "Hello, Bob");
    for (const page of [ann, bob]) await assertShown(page, ["Hello, Ann", "Hello, Bob"]);
    await until("typing to be over", async () => await ann.locator("#typing").textContent() === "");
    await messages(ann).locator(".mine").getByLabel("delivered").waitFor();
    await until("the badge", async () => /^WebSocket · \d+ ms$/.test(await badge(ann).innerText()));

    const markup = "<img src=x onerror=alert(1)><script>alert(2)</script>";
    await say(ann, markup);
    await assertShown(bob, [markup]);
    // Every field that other users may fill: a name, a room name, an address.
    const eve = await open('<b onclick="alert(3)">Eve</b>');
    await members(bob).getByText('<b onclick="alert(3)">Eve</b>').waitFor();
    for (const address of ["javascript:alert(4)", "data:text/html,<script>alert(5)</script>"]) {
      await eve.getByRole("button", { name: "Share a link" }).click();
      await eve.getByRole("textbox", { name: "Address" }).fill(address);
      await eve.getByRole("button", { name: "Share", exact: true }).click();
      assert.equal(await eve.locator("dialog[open]").count(), 1, "the form refuses the address");
      await eve.getByRole("button", { name: "Cancel" }).click();
    }
    assert.equal(await bob.locator("#messages img, #messages script, #messages a").count(), 0);
    assert.equal(await bob.locator("#members b").count(), 0);
  },
);

browserTest(
  "images and files are sent as links, and other content is shown as text",
  async ({ open, system }) => {
    const ann = await open("Ann");
    await ann.getByRole("button", { name: "Share a link" }).click();
    await ann.getByRole("textbox", { name: "Address" }).fill("https://example.invalid/cat.png");
    await ann.getByLabel("Caption").fill("a cat");
    await ann.getByRole("button", { name: "Share", exact: true }).click();
    await messages(ann).getByRole("link").waitFor();
    // Sent without the form: anything that is not a web address is text.
    const eve = await system.client({ user: "eve" });
    eve.send({ type: "subscribe", room: "chat.demo" });
    const contents = [
      { url: "javascript:alert(1)", text: "by hand" },
      { url: "https://example.invalid/report.pdf" },
      { url: { toString: "x" } },
      { url: "https://example.invalid/%" },
      null,
      [1],
    ];
    for (const content of contents) eve.send({ type: "message", room: "chat.demo", content });
    await assertShown(ann, ["by hand", '{"url":{"toString":"x"}}', "null", "[1]"]);
    const links = await messages(ann).getByRole("link").evaluateAll((all) =>
      all.map((each) => [each.getAttribute("href"), each.getAttribute("rel")])
    );
    assert.deepEqual(links, [
      ["https://example.invalid/cat.png", "noopener noreferrer nofollow"],
      ["https://example.invalid/report.pdf", "noopener noreferrer nofollow"],
      ["https://example.invalid/%", "noopener noreferrer nofollow"],
    ]);
  },
);

browserTest(
  "scrolling up loads older messages, and rooms count unread ones",
  async ({ open, system }) => {
    const bot = await system.client({ user: "bot" });
    for (const room of ["chat.demo", "chat.other"]) bot.send({ type: "subscribe", room });
    for (let n = 0; n < 130; n++) {
      bot.send({ type: "message", room: "chat.demo", content: `line ${n}`, id: `${n}` });
    }
    await bot.takeMany("ack", 130);
    const ann = await open("Ann");
    await assertShown(ann, ["line 129"]);
    assert.equal((await shownTexts(ann)).length, 40);
    await until("the first line", async () => {
      await messages(ann).evaluate((list) => list.scrollTop = 0);
      return (await shownTexts(ann))[0] === "line 0";
    });
    assert.deepEqual(await shownTexts(ann), Array.from({ length: 130 }, (_, n) => `line ${n}`));
    // New messages do not scroll away a reader of older ones.
    bot.send({ type: "message", room: "chat.demo", content: "news" });
    await ann.getByRole("button", { name: "New messages" }).click();
    await assertShown(ann, ["line 129", "news"]);

    await ann.getByLabel("Another room").fill("chat.other");
    await ann.keyboard.press("Enter");
    await ann.getByRole("heading", { name: "chat.other" }).waitFor();
    await members(ann).getByText("Ann").waitFor();
    bot.send({ type: "message", room: "chat.demo", content: "while away" });
    await ann.locator("#rooms").getByLabel("1 unread").waitFor();
    await ann.getByRole("button", { name: /^chat\.demo/ }).click();
    await assertShown(ann, ["news", "while away"]);
    assert.equal(await ann.locator("#rooms .unread").count(), 0);
    // The tab remembers its user and rooms.
    await ann.reload();
    await ann.getByRole("button", { name: "chat.demo", exact: true }).waitFor();
    await ann.getByRole("button", { name: "chat.other", exact: true }).waitFor();
  },
);

browserTest(
  "when the gateway is killed and restarted, nothing is lost or duplicated",
  async ({ open, system }) => {
    const ann = await open("Ann");
    const bob = await open("Bob");
    await say(ann, "before");
    await assertShown(bob, ["before"]);
    await system.gateways[0]!.kill();
    for (const page of [ann, bob]) {
      await page.locator('#badge:not([data-state="connected"])')
        .waitFor();
    }
    await say(ann, "meanwhile 1");
    await say(ann, "meanwhile 2");
    await messages(ann).getByLabel("being sent").first().waitFor();
    await system.gateways[0]!.restart();
    await system.gateways[0]!.ready();
    await say(bob, "after");
    for (const page of [ann, bob]) {
      await assertShown(page, ["meanwhile 1", "meanwhile 2"]);
      await assertShown(page, ["after"]);
      const all = await shownTexts(page);
      assert.deepEqual(all.toSorted(), ["after", "before", "meanwhile 1", "meanwhile 2"]);
      await until("WebSocket", async () => /^WebSocket/.test(await badge(page).innerText()));
    }
  },
);

browserTest(
  "without a network messages are queued, and sent in order once it is back",
  async ({ open }) => {
    const ann = await open("Ann");
    const bob = await open("Bob");
    await ann.context().setOffline(true);
    for (const page of [ann, bob]) await page.locator('#badge[data-state="waiting"]').waitFor();
    const words = Array.from({ length: 20 }, (_, n) => `offline ${n}`);
    for (const each of words) await say(ann, each);
    await ann.context().setOffline(false);
    for (const page of [ann, bob]) await assertShown(page, words);
  },
);

browserTest(
  "when WebSocket is blocked, the fallback takes over and is remembered",
  async ({ open, proxy }) => {
    proxy.mode.webSocket = false;
    const ann = await open("Ann");
    await until("the stream", async () => /^SSE/.test(await badge(ann).innerText()));
    proxy.mode.webSocket = true;
    const bob = await open("Bob", { room: "chat.demo" });
    await say(ann, "by stream");
    // Two users' messages have no order until one has seen the other's.
    await assertShown(bob, ["by stream"]);
    await say(bob, "hello");
    for (const page of [ann, bob]) await assertShown(page, ["by stream", "hello"]);
    // In the same browser, the next tab starts with the transport that worked.
    assert.match(await badge(bob).innerText(), /^SSE/);
    proxy.cut();
    await say(ann, "after a cut");
    await assertShown(bob, ["by stream", "hello", "after a cut"]);
  },
);

browserTest("the page works by keyboard, on a phone and in the dark theme", async ({ open }) => {
  const ann = await open("Ann", { width: 380 });
  await until("the badge", async () => / ms$/.test(await badge(ann).innerText()));
  const wide = await ann.evaluate("document.documentElement.scrollWidth > innerWidth");
  assert.equal(wide, false, "the page does not scroll sideways");
  const background = () => ann.evaluate("getComputedStyle(document.body).backgroundColor");
  const light = await background();
  /** Presses Tab until all of these had the focus. */
  const reach = async (ids: string[]) => {
    const seen: string[] = [];
    for (let i = 0; i < 20; i++) {
      await ann.keyboard.press("Tab");
      seen.push(await ann.evaluate<string>("document.activeElement.id"));
    }
    for (const id of ids) assert.ok(seen.includes(id), `Tab does not reach ${id}: ${seen}`);
  };
  await reach(["open-rooms", "invite", "open-members", "messages", "attach", "text"]);
  await ann.locator("#open-rooms").focus();
  await ann.keyboard.press("Enter");
  await reach(["new-room", "theme", "leave"]);
  await ann.locator("#theme").focus();
  await ann.keyboard.press("Enter");
  assert.notEqual(await background(), light);
  await ann.keyboard.press("Escape");
  await ann.getByRole("navigation", { name: "Rooms" }).waitFor({ state: "hidden" });
  await say(ann, "by keyboard");
  await assertShown(ann, ["by keyboard"]);
});

browserTest(
  "tokens are refreshed without a new connection",
  async ({ open, proxy }) => {
    const ann = await open("Ann");
    let given = 0;
    ann.on("request", (request) => {
      if (request.method() === "POST" && request.url().endsWith("/token")) given++;
    });
    await until("three more tokens", () => given >= 3);
    await say(ann, "still the same connection");
    await assertShown(ann, ["still the same connection"]);
    assert.equal(proxy.requests["/ws"], 1);
  },
  { auth: { AUTH_DEV_TOKEN_TTL: "3" } },
);
