/** How the demo page shows a conversation, and what it says when something does not work. */
import assert from "node:assert/strict";
import { RoomsKick } from "../../services/contract/mod.ts";
import { connectBus, createLogger, natsOptions, request } from "../../services/kit/mod.ts";
import { tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { assertAccessible } from "./accessibility.ts";
import { assertShown, browserTest, messages, say } from "./stage.ts";

/** What the page sends with a token of its own origin to the page of another. */
const CORS = { "access-control-allow-origin": "*", "access-control-allow-headers": "*" };

/** The rights of somebody who may only read. */
const READER = { rooms: { "chat.*": ["subscribe", "history", "presence"] } };

browserTest(
  "consecutive messages stand together under one name, and days and links are shown",
  async ({ open, system }) => {
    const ann = await open("Ann");
    const bob = await open("Bob Bell");
    await ann.getByText("Nothing has been said here yet").waitFor();
    const invitation = await ann.locator("#invitation-link").innerText();
    assert.match(invitation, /#room=chat\.demo$/);

    for (const words of ["one", "two"]) await say(bob, words);
    await say(ann, "see https://example.invalid/a?b=1, and (http://example.invalid/c)");
    await say(ann, "javascript:alert(1) https://user:pass@example.invalid/ <a href=x>y</a>");
    await say(bob, "three");
    for (const page of [ann, bob]) await assertShown(page, ["one", "two", "three"]);
    const authors = await messages(ann).locator("li:not(.continues) > .row .author")
      .allInnerTexts();
    assert.deepEqual(authors, ["Bob Bell", "You", "Bob Bell"]);
    assert.equal(await messages(ann).locator(".avatar:visible").count(), 2);
    assert.equal(await messages(ann).locator(".avatar:visible").first().innerText(), "BB");
    assert.equal(await messages(ann).getByText("Today").count(), 1);
    await ann.getByText("Nothing has been said here yet").waitFor({ state: "hidden" });

    const links = await messages(bob).getByRole("link").evaluateAll((all) =>
      all.map((each) => ["href", "rel", "target"].map((name) => each.getAttribute(name)))
    );
    const rest = ["noopener noreferrer nofollow", "_blank"];
    assert.deepEqual(links, [
      ["https://example.invalid/a?b=1", ...rest],
      ["http://example.invalid/c", ...rest],
    ]);

    const members = ann.locator("#members li");
    await until("both members", async () => await members.count() === 2);
    assert.deepEqual(await members.first().innerText(), "A\nAnn\nyou");
    await assertAccessible(ann, "a conversation");
    await ann.getByRole("button", { name: "Share a link" }).click();
    await assertAccessible(ann, "the dialog");
    await ann.keyboard.press("Escape");

    // Who follows an invitation joins that room.
    const cid = await system.client({ user: "cid" });
    cid.send({ type: "subscribe", room: "chat.other" });
    const guest = await ann.context().newPage();
    await guest.goto(invitation.replace("chat.demo", "chat.other"));
    await assertAccessible(guest, "the form");
    await guest.getByLabel("Your name").fill("Guest");
    await guest.getByRole("button", { name: "Join" }).click();
    await guest.getByRole("heading", { name: "chat.other" }).waitFor();
    await assertAccessible(guest, "an empty room");
  },
);

browserTest(
  "a message after a pause, and older ones that are loaded later, are grouped anew",
  async ({ open, system }) => {
    const bot = await system.client({ user: "bot" });
    bot.send({ type: "subscribe", room: "chat.demo" });
    for (let n = 0; n < 60; n++) {
      bot.send({ type: "message", room: "chat.demo", content: `line ${n}`, id: `${n}` });
    }
    await bot.takeMany("ack", 60);
    const ann = await open("Ann");
    await assertShown(ann, ["line 59"]);
    const heads = messages(ann).locator("li.message:not(.continues)");
    assert.equal(await heads.count(), 1);
    await until("the first line", async () => {
      await messages(ann).evaluate((list) => list.scrollTop = 0);
      return await messages(ann).locator("li.message").count() === 60;
    });
    assert.equal(await heads.count(), 1);
    assert.match(await heads.first().innerText(), /line 0/);
    assert.equal(await messages(ann).locator(".day").count(), 1);
  },
);

browserTest("a thousand messages stay in order and in bounds", async ({ open, system }) => {
  const bot = await system.client({ user: "bot" });
  bot.send({ type: "subscribe", room: "chat.demo" });
  const ann = await open("Ann");
  for (let n = 0; n < 1_100; n++) {
    bot.send({ type: "message", room: "chat.demo", content: `line ${n}`, id: `${n}` });
    if (n % 100 === 99) await bot.takeMany("ack", 100);
  }
  await assertShown(ann, ["line 1098", "line 1099"]);
  const shown = await messages(ann).locator("li.message").count();
  assert.ok(shown <= 1_000, `${shown} messages are in the page`);
  const wide = await ann.evaluate("document.documentElement.scrollWidth > innerWidth");
  assert.equal(wide, false);
}, { gateway: { RATE_FRAMES_PER_SECOND: "100000", USER_RATE_MESSAGES: "1000000" } });

browserTest("a lost connection is said, with a countdown and a way to try now", async (stage) => {
  const { open, system } = stage;
  const ann = await open("Ann");
  await say(ann, "before");
  await messages(ann).getByLabel("delivered").waitFor();
  assert.equal(await ann.locator("#banner").isVisible(), false);
  await system.gateways[0]!.kill();
  await ann.getByText("The connection is lost").waitFor();
  await ann.getByText(/^Trying again in \d+ s$/).waitFor();
  await say(ann, "meanwhile");
  await messages(ann).getByLabel("being sent").waitFor();
  await system.gateways[0]!.restart();
  await system.gateways[0]!.ready();
  await until("the connection", async () => {
    // The client may connect by itself before the click.
    await ann.getByRole("button", { name: "Retry now" }).click({ timeout: 500 }).catch(() => {});
    return !await ann.locator("#banner").isVisible();
  });
  await assertShown(ann, ["before", "meanwhile"]);
});

browserTest(
  "who may not speak sees why beside the message, and may try again",
  async ({ open }) => {
    let mayWrite = false;
    const reader = await open("reader", {
      prepare: (page) =>
        page.route("**/token", async (route) => {
          // As an application's backend would: rights change while the page is open.
          const now = Math.floor(Date.now() / 1_000);
          const claims = mayWrite ? { exp: now + 60 } : { ...READER, exp: now + 5 };
          await route.fulfill({
            json: { token: await tokenFor("reader", claims) },
            headers: CORS,
          });
        }),
    });
    const composer = reader.getByLabel("Message", { exact: true });
    // Without typing: the first letter would be refused already.
    const paste = async (text: string) => {
      await composer.evaluate((field, text) => Object.assign(field, { value: text }), text);
      await composer.press("Enter");
    };
    await paste("let me in");
    const refused = messages(reader).locator('[data-progress="failed"]');
    await refused.getByText("Not sent: Not allowed").waitFor();
    await reader.getByText("You may read here, but not speak.").waitFor();
    assert.equal(await composer.isDisabled(), true);
    assert.equal(await reader.getByRole("button", { name: "Share a link" }).isDisabled(), true);
    await assertAccessible(reader, "a refusal");
    mayWrite = true;
    await until("the message to be accepted", async () => {
      const again = refused.getByRole("button", { name: "Try again" });
      await again.click({ timeout: 500 }).catch(() => {});
      return await messages(reader).getByLabel("delivered").isVisible();
    });
    assert.equal(await composer.isDisabled(), false);
    await assertShown(reader, ["let me in"]);

    // What cannot be sent can be dropped.
    await paste("x".repeat(40_000));
    await messages(reader).getByText(/^Not sent: .*limit/).waitFor();
    await reader.getByRole("button", { name: "Discard" }).click();
    await refused.waitFor({ state: "detached" });
  },
);

browserTest(
  "who was taken out of a room sees why, and may enter again",
  async ({ open, system }) => {
    const kicked = await open("kicked", {
      prepare: (page) =>
        page.route("**/token", async (route) => {
          await route.fulfill({ json: { token: await tokenFor("kicked") }, headers: CORS });
        }),
    });
    await say(kicked, "before");
    await messages(kicked).getByLabel("delivered").waitFor();
    const options = natsOptions(
      { NATS_URL: system.nats.url, ...system.natsEnv("operator") },
      "operator",
    );
    const log = createLogger("test", { level: "error" });
    const bus = await connectBus({ options, name: "operator", log });
    try {
      await request(bus, RoomsKick, { room: "chat.demo", userId: "kicked", reason: "be kind" });
    } finally {
      await bus.drain();
    }
    await kicked.getByText(/^You are not in this room: .*/).waitFor();
    await messages(kicked).getByText(/be kind/).waitFor();
    assert.equal(await kicked.getByLabel("Message", { exact: true }).isDisabled(), true);
    await kicked.getByRole("button", { name: "Enter again" }).click();
    await say(kicked, "after");
    await assertShown(kicked, ["before", "after"]);
  },
);

browserTest("on a phone one header stands above the messages", async ({ open }) => {
  const ann = await open("Ann", { width: 390 });
  await ann.setViewportSize({ width: 390, height: 844 });
  await say(ann, `a long word: ${"x".repeat(300)}`);
  await messages(ann).getByLabel("delivered").waitFor();
  const top = await messages(ann).evaluate((list) => list.getBoundingClientRect().top);
  assert.ok(top <= 64, `messages begin ${top} pixels from the top`);
  const wide = await ann.evaluate("document.documentElement.scrollWidth > innerWidth");
  assert.equal(wide, false);
  await ann.getByRole("button", { name: /^Members/ }).click();
  await ann.getByRole("list", { name: "Members" }).getByText("Ann").waitFor();
  await assertAccessible(ann, "the members on a phone");
  await ann.keyboard.press("Escape");
  await ann.getByRole("button", { name: "Rooms" }).click();
  await ann.getByLabel("Another room").fill("chat.second");
  await ann.keyboard.press("Enter");
  await ann.getByRole("heading", { name: "chat.second" }).waitFor();
  await ann.getByRole("navigation", { name: "Rooms" }).waitFor({ state: "hidden" });
  await assertAccessible(ann, "a room on a phone");
});

browserTest("each stored message links to its hops", async ({ open }) => {
  const ann = await open("Ann");
  await say(ann, "hello");
  const link = messages(ann).getByRole("link", { name: "See this message's hops" });
  await link.waitFor();
  const href = await link.getAttribute("href");
  assert.match(
    href!,
    /^http:\/\/monitor\.example:8090\/#\/(message\/chat\.demo\/1|trace\/[0-9a-f]{32})$/,
  );
}, { gateway: { DEMO_MONITOR_URL: "http://monitor.example:8090/" } });
