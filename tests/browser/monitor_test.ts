/** The page of monitor, in a real browser and on the whole system. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { buildPages } from "../../services/start/build.ts";
import { durationText } from "../../services/monitor/page/format.ts";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { monitorOn } from "../harness/monitor.ts";
import { freePort } from "../harness/ports.ts";
import { startSystem, type System, type SystemOptions } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { assertAccessible } from "./accessibility.ts";
import { messages, say } from "./stage.ts";

const executablePath = await findChromium();

interface Stage {
  system: System;
  url: string;
  open(url: string, size?: { width: number; height: number }): Promise<Page>;
}

function monitorTest(
  name: string,
  options: () => SystemOptions,
  run: (stage: Stage) => Promise<void>,
): void {
  Deno.test({
    name: `Chromium: ${name}`,
    ignore: executablePath === null,
    // Playwright keeps timers and a socket open until the browser has closed.
    sanitizeOps: false,
    sanitizeResources: false,
    async fn() {
      await buildPages();
      await using system = await startSystem({ ...options(), monitor: true });
      await using browser = await startChromium(executablePath!);
      const problems: string[] = [];
      await run({
        system,
        url: `http://127.0.0.1:${system.monitor!.port}/`,
        async open(url, size = { width: 1_440, height: 900 }) {
          const page = await browser.context.newPage();
          await page.setViewportSize(size);
          page.on("console", (message) => {
            const expected = /Failed to load resource|net::ERR/;
            if (message.type() === "error" && !expected.test(message.text())) {
              problems.push(message.text());
            }
          });
          page.on("pageerror", (error) => problems.push(String(error)));
          await page.goto(url);
          return page;
        },
      });
      assert.deepEqual(problems, []);
    },
  });
}

/** A number that the page shows, such as `1,204`. */
const numberIn = async (page: Page, selector: string) =>
  Number(/[\d,]+/.exec(await page.locator(selector).first().innerText())?.[0].replaceAll(",", ""));

const isWide = (page: Page) =>
  page.evaluate<boolean>("document.documentElement.scrollWidth > innerWidth");

monitorTest("the page shows what was sent, and the API's numbers", () => ({}), async (stage) => {
  const { system, url, open } = stage;
  const page = await open(url);
  await page.getByText("No message is kept yet").waitFor();
  await page.locator('[data-hop="edge.receive"].absent').waitFor();
  await assertAccessible(page, "an idle system");
  const clients = [await system.client({ user: "ann" }), await system.client({ user: "bob" })];
  for (const client of clients) {
    client.send({ type: "subscribe", room: "chat.lobby" });
    await client.take("subscribed");
  }
  for (let n = 0; n < 25; n++) {
    clients[0]!.send({ type: "message", room: "chat.lobby", content: n, id: `m${n}`, trace: true });
  }
  const acks = await clients[0]!.takeMany("ack", 25);
  for (const hop of ["edge.receive", "bus.store", "bus.deliver", "edge.fanout", "archive.store"]) {
    await until(
      `25 of ${hop}`,
      async () => await numberIn(page, `[data-hop="${hop}"] .hop-note`) === 25,
    );
  }
  const monitor = monitorOn(system.monitor!.port);
  await until("the percentiles of the API", async () => {
    const { hops, delivery } = await monitor.overview();
    const store = hops.find(({ hop }) => hop === "bus.store")!;
    const shown = await page.locator('[data-hop="bus.store"] .percentiles dd').allInnerTexts();
    assert.deepEqual(
      shown,
      [store.p50, store.p95, store.p99].map((value) => durationText(value, 1)),
    );
    const whole = await page.locator("#delivery dd").allInnerTexts();
    assert.deepEqual(
      whole.slice(0, 3),
      [delivery.p50, delivery.p95, delivery.p99].map((value) => durationText(value)),
    );
    return true;
  });
  await until(
    "every process",
    async () =>
      (await page.locator("#processes tbody tr").allInnerTexts()).filter((row) =>
        /\bok\b/.test(row)
      ).length === 5,
  );
  assert.equal(await page.locator("#charts canvas").count(), 4);
  const slowest = page.locator("#slowest a");
  await until("the slowest messages", async () => await slowest.count() === 12);
  const hopsOf = () => page.locator("#slowest .hop-of").allInnerTexts();
  const isArchives = (text: string) => text.startsWith("mostly archive.");
  assert.ok(!(await hopsOf()).some(isArchives), "no member waits for the archive");
  await page.getByRole("button", { name: "archived" }).click();
  await until("the slowest of the archive", async () => (await hopsOf()).some(isArchives));
  await page.getByRole("button", { name: "delivered" }).click();
  await until("the slowest deliveries", async () => !(await hopsOf()).some(isArchives));
  assert.equal(await isWide(page), false);
  await assertAccessible(page, "the overview");

  // From a message to its hops, by keyboard.
  await slowest.first().focus();
  await page.keyboard.press("Enter");
  await page.locator(".waterfall").waitFor();
  const spans = page.locator(".span");
  await until("its hops", async () => {
    const names = await spans.locator(".span-title").allInnerTexts();
    assert.deepEqual(names.slice(0, 2), ["edge.receive", "bus.store"]);
    return names.includes("edge.fanout") && names.includes("archive.store");
  });
  await spans.first().focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowRight");
  await page.locator(".details:visible").getByText("chat.lobby").first().waitFor();
  assert.equal(await spans.nth(1).getAttribute("aria-expanded"), "true");
  await assertAccessible(page, "a trace");

  // And by the search.
  await page.keyboard.press("/");
  const { seq } = acks[6]!;
  await page.keyboard.type(`chat.lobby ${seq}`);
  await page.keyboard.press("Enter");
  await page.getByRole("heading", { name: `chat.lobby #${seq}`, exact: true }).waitFor();
  assert.match(page.url(), /#\/trace\/[0-9a-f]{32}$/);
  await page.getByRole("link", { name: "other messages of this room" }).click();
  await page.getByRole("heading", { name: "chat.lobby", exact: true }).waitFor();
  await until("25 messages", async () => await page.locator("#detail .messages li").count() === 25);
  await assertAccessible(page, "the messages of a room");
  await page.getByRole("link", { name: "Overview" }).click();
  await page.getByRole("heading", { name: "The path of a message" }).waitFor();

  const phone = await open(url, { width: 390, height: 844 });
  await phone.locator("#overview").waitFor();
  assert.equal(await isWide(phone), false);
  await assertAccessible(phone, "the overview on a phone");
});

monitorTest("the page says when monitor does not answer, and goes on by itself", () => ({}), async (
  { system, url, open },
) => {
  const page = await open(url);
  await page.locator("#overview").waitFor();
  await system.monitor!.kill();
  await page.getByText("Monitor does not answer").waitFor();
  await page.getByText(/^Asking again in \d+ s$/).waitFor();
  await page.getByText("What you see is old").waitFor();
  await assertAccessible(page, "no answer");
  await system.monitor!.restart();
  await system.monitor!.ready();
  await until("the page", async () => {
    await page.getByRole("button", { name: "Retry now" }).click({ timeout: 500 }).catch(() => {});
    return !await page.locator("#banner").isVisible();
  });
});

monitorTest(
  "with a token, a form asks for it, and the address stays",
  () => ({ env: { monitor: { MONITOR_TOKEN: "a token of sixteen" } } }),
  async ({ url, open }) => {
    const traceId = "4bf92f3577b34da6a3ce929d0e0e4736";
    const page = await open(`${url}#/trace/${traceId}`);
    const form = page.getByLabel("Token");
    await form.fill("wrong");
    await page.getByRole("button", { name: "Open" }).click();
    await page.getByText("That is not the token.").waitFor();
    await assertAccessible(page, "the form");
    await form.fill("a token of sixteen");
    await page.keyboard.press("Enter");
    await page.getByText("Looking for the hops").waitFor();
    assert.equal(page.url(), `${url}#/trace/${traceId}`);
    await page.reload();
    await page.getByText("Looking for the hops").waitFor();
  },
);

const [authPort, gatewayPort] = [freePort(), freePort()];

monitorTest(
  "from a message of the demo page to its hops in one click",
  () => ({
    env: {
      auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" },
      gateway: {
        PORT: String(gatewayPort),
        DEMO: "true",
        DEMO_TOKEN_URL: `http://127.0.0.1:${authPort}/token`,
        // Names of this machine: the test puts the port of monitor in.
        DEMO_MONITOR_URL: "http://127.0.0.1:1/",
      },
    },
  }),
  async ({ url, open }) => {
    const page = await open(`http://127.0.0.1:${gatewayPort}/`);
    await page.getByLabel("Your name").fill("Ann");
    await page.getByRole("button", { name: "Join" }).click();
    await page.locator("#members").getByText("Ann").waitFor();
    await say(page, "hello");
    await messages(page).getByLabel("delivered").waitFor();
    const link = messages(page).getByRole("link", { name: "See this message's hops" });
    await until("the trace in the link", async () => {
      const href = await link.getAttribute("href");
      return /#\/trace\/[0-9a-f]{32}$/.test(href ?? "");
    });
    await link.evaluate((link, url) => {
      const anchor = link as unknown as { href: string };
      anchor.href = url + new URL(anchor.href).hash;
    }, url);
    const [popup] = await Promise.all([page.context().waitForEvent("page"), link.click()]);
    await popup.locator(".waterfall").waitFor();
    await until("its hops", async () => {
      const names = (await popup.locator(".span-title").allInnerTexts()).join(" ");
      return /client\.send/.test(names) && /edge\.fanout/.test(names);
    });
  },
);
