/** The hooks for React, in StrictMode, rendered by a server and mounted in a real browser. */
import assert from "node:assert/strict";
import { connect } from "@nats-io/transport-node";
import type { Page } from "playwright-core";
import { ROOT } from "../harness/root.ts";
import { tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { type ExampleStage, exampleTest } from "./examples_stage.ts";
import type { PageScope, View } from "./hooks/scope.ts";

const FOLDER = `${ROOT}tests/browser/hooks`;

/** Runs `deno` with the configuration of the page, and returns what it prints. */
async function deno(command: string[], ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [...command, "--config", `${FOLDER}/deno.json`, ...args],
    cwd: ROOT,
    stdin: "null",
  }).output();
  assert.ok(success, new TextDecoder().decode(stderr));
  return new TextDecoder().decode(stdout);
}

/** What the server renders: nothing is known yet. */
const rendered = (view: View) =>
  deno(["run", "-A", "-q"], `${FOLDER}/render.tsx`, JSON.stringify(view));

Deno.test("a server renders the hooks, and connects and joins nothing", async () => {
  const html = await rendered({ rooms: ["chat.a"] });
  assert.match(html, /joining all 0 fine/);
  assert.match(html, /idle undefined fine/);
});

/** Opens the page with these rooms. */
async function withPage(
  { server, open }: ExampleStage,
  view: View,
  play: (page: Page, frames: string[]) => Promise<void>,
): Promise<void> {
  const [script, root] = await Promise.all([
    deno(["bundle", "-q", "--platform", "browser"], `${FOLDER}/page.tsx`),
    rendered(view),
  ]);
  const data = JSON.stringify({ server, token: await tokenFor("ann"), view });
  const html = `<!DOCTYPE html><div id="root">${root}</div>
<script type="application/json" id="data">${data}</script><script type="module" src="/page.js"></script>`;
  await using http = Deno.serve(
    { hostname: "127.0.0.1", port: 0, onListen: () => {} },
    ({ url }) =>
      new URL(url).pathname === "/page.js"
        ? new Response(script, { headers: { "content-type": "text/javascript" } })
        : new Response(html, { headers: { "content-type": "text/html; charset=utf-8" } }),
  );
  const page = await open("about:blank");
  const frames: string[] = [];
  page.on("websocket", (socket) =>
    socket.on("framesent", ({ payload }) => {
      const { type, room } = JSON.parse(String(payload));
      if (/subscribe$/.test(type)) frames.push(`${type} ${room}`);
    }));
  await page.goto(`http://127.0.0.1:${http.addr.port}/`);
  await play(page, frames);
}

const show = (page: Page, rooms: string[]) =>
  page.evaluate((rooms) => (globalThis as unknown as PageScope).show({ rooms }), rooms);
const unmount = (page: Page) =>
  page.evaluate(() => (globalThis as unknown as PageScope).show(null));
const remains = (page: Page) =>
  page.evaluate(() => {
    const { hop, listeners } = globalThis as unknown as PageScope;
    return `${hop.rooms.size} rooms, ${listeners()} listeners`;
  });

/** The component of a room; `nth` if there are several. */
function chat(page: Page, room: string, nth = 0) {
  const section = page.locator(`section[aria-label="${room}"]`).nth(nth);
  return {
    status: () => section.locator("output").textContent(),
    lines: async () => (await section.locator("ol li").allTextContents()).join(" "),
    members: async () => (await section.locator("ul li").allTextContents()).sort().join(", "),
    count: () => section.locator("p").textContent(),
    click: (name: string) => section.getByRole("button", { name }).click(),
  };
}

/** The texts of lines, as {@link chat} returns them. */
const lines = (from: number, to: number, last = "") =>
  Array.from({ length: to - from + 1 }, (_, i) => `${from + i}`).join(" ") + last;

async function bot(stage: ExampleStage, room: string, messages: number) {
  const client = await stage.system.client({ user: "bot" });
  client.send({ type: "subscribe", room });
  let ids = 0;
  const say = (text: unknown) =>
    client.send({ type: "message", room, content: { text }, id: `${ids++}` });
  for (let n = 1; n <= messages; n++) say(`${n}`);
  await client.takeMany("ack", messages);
  return { ...client, say, send: client.send.bind(client) };
}

exampleTest(
  "useRoom and usePresence share a room, keep it complete, and leave it",
  async (stage) => {
    const other = await bot(stage, "chat.a", 45);
    await withPage(stage, { rooms: ["chat.a", "chat.a"] }, async (page, frames) => {
      const [first, second] = [chat(page, "chat.a"), chat(page, "chat.a", 1)];
      for (const one of [first, second]) {
        await until("the history", async () => await one.lines() === lines(36, 45));
        assert.equal(await one.status(), "joined more 0 fine");
        await until(
          "the members",
          async () => await one.members() === "ann undefined, bot undefined",
        );
      }
      assert.deepEqual(frames, ["subscribe chat.a"], "two components in StrictMode join once");
      await first.click("older");
      await until("older lines", async () => await first.lines() === lines(26, 45));
      await first.click("older");
      await first.click("older");
      await until("all lines", async () =>
        await first.lines() === lines(6, 45) ||
        await first.lines() === lines(1, 45));
      await first.click("say");
      await until("the own line", async () => await second.lines() === lines(36, 45, " hello"));
      await first.click("smile");
      await until(
        "the own state",
        async () => await second.members() === "ann glad, bot undefined",
      );
      other.send({ type: "signal", room: "chat.a", content: 1 });
      await until("the signal", async () => /1 fine$/.test(await first.status() ?? ""));
      other.say(7);
      await until("the refusal", async () => /invalid_content$/.test(await second.status() ?? ""));

      // What is sent while there is no connection arrives after it, once and in order.
      stage.proxy.mode.silent = true;
      stage.proxy.cut();
      for (const text of ["a", "b"]) other.say(text);
      await other.takeMany("ack", 3); // with that of the refused content
      stage.proxy.mode.silent = false;
      stage.proxy.cut();
      await until(
        "what was missed",
        async () => await second.lines() === lines(36, 45, " hello a b"),
      );
      assert.match(await second.status() ?? "", /^joined more 0 fine|^joined more 1 fine/);
      // More than the limit: the oldest are dropped.
      for (let n = 1; n <= 12; n++) other.say(`c${n}`);
      await until("the last line", async () => (await second.lines()).endsWith(" c12"));
      assert.equal((await second.lines()).split(" ").length, 20);

      // One of two components goes: the room stays.
      frames.length = 0;
      await show(page, ["chat.a"]);
      await first.click("say");
      await until("the own line", async () => (await first.lines()).endsWith(" hello"));
      // Another one comes: the room is joined already, and its history is read all the same.
      await show(page, ["chat.a", "chat.a"]);
      await until("the history", async () => (await second.lines()).split(" ").length === 10);
      assert.ok((await second.lines()).endsWith(" c12 hello"));
      assert.deepEqual(frames, []);
      await show(page, ["chat.b"]);
      await until("the change of rooms", () => frames.length === 2);
      assert.deepEqual([...frames].sort(), ["subscribe chat.b", "unsubscribe chat.a"]);
      assert.equal(await chat(page, "chat.b").lines(), "");
      await until("the members", async () => await chat(page, "chat.b").count() === "members: 1");
      for (let n = 0; n < 20; n++) {
        await unmount(page);
        await show(page, ["chat.a", "chat.b"]);
      }
      await unmount(page);
      await until("nothing to remain", async () => await remains(page) === "0 rooms, 0 listeners");

      // A room that the application has joined itself is not left.
      await page.evaluate(() => void (globalThis as unknown as PageScope).hop.join("chat.c"));
      await show(page, ["chat.c"]);
      await until(
        "the room",
        async () => /^joined/.test(await chat(page, "chat.c").status() ?? ""),
      );
      await unmount(page);
      await until("the room alone", async () => await remains(page) === "1 rooms, 0 listeners");
    });
  },
);

exampleTest("useRoom shows errors, erased messages and the end of the client", async (stage) => {
  const other = await bot(stage, "chat.e", 2);
  await withPage(stage, { rooms: ["chat.e", "no room"] }, async (page) => {
    const room = chat(page, "chat.e");
    await until("the history", async () => await room.lines() === "1 2");
    assert.equal(await room.status(), "joined all 0 fine");
    assert.equal(await chat(page, "no room").status(), "left all 0 invalid_format");
    const bus = await connect({ servers: stage.system.nats.url });
    const data = JSON.stringify({ room: "chat.e", seq: 1 });
    await bus.request("history.erase", data, { timeout: 10_000 });
    await bus.close();
    await until("the erased line", async () => await room.lines() === "erased 2");
    other.say("3");
    await until("the last line", async () => (await room.lines()).endsWith(" 3"));
    await page.evaluate(() => (globalThis as unknown as PageScope).hop.close());
    await until("the end", async () => /^left/.test(await room.status() ?? ""));
    await show(page, ["chat.f"]);
    await until(
      "the error",
      async () => await chat(page, "chat.f").status() === "left all 0 closed",
    );
  });
});

exampleTest("useCall has the state of the last call, and of no other", async (stage) => {
  const bus = await connect({ servers: stage.system.nats.url });
  try {
    /** Calls with one side wait for this. */
    let release = () => {};
    bus.subscribe("call.dice.roll", {
      callback: (_, message) => {
        const { sides } = message.json<{ data: { sides: number } }>().data;
        const answer = () => void message.respond(JSON.stringify(sides === 0 ? "none" : sides));
        if (sides === 1) release = answer;
        else answer();
      },
    });
    await withPage(stage, { rooms: [] }, async (page) => {
      const shows = (text: string) =>
        until(text, async () => await page.locator("aside output").textContent() === text);
      const roll = (sides: number) =>
        page.getByRole("button", { name: `${sides}`, exact: true }).click();
      await shows("idle undefined fine");
      await roll(6);
      await shows("idle 6 fine");
      await roll(0);
      await shows("idle 6 invalid_content");
      await roll(1);
      await shows("pending 6 fine");
      await roll(20);
      await shows("idle 20 fine");
      release();
      await roll(1);
      await shows("pending 20 fine");
      await unmount(page);
      release();
      await show(page, []);
      await shows("idle undefined fine");
    });
  } finally {
    await bus.close();
  }
});
