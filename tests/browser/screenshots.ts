/**
 * `deno task screenshots [MINUTES]`: takes the pictures of both pages that the READMEs show, on a system
 * with two gateways in which users have talked for some minutes (10 by default, the window of monitor's
 * charts). Look at each of them before it is committed. pngquant, if there is one, makes them smaller.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { BrowserContext, Page } from "playwright-core";
import { Hopwire } from "../../client/mod.ts";
import { buildPages } from "../../services/start/build.ts";
import { findOnPath } from "../../services/start/nats_server.ts";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { findCurrentNats } from "../harness/current_nats.ts";
import { monitorOn } from "../harness/monitor.ts";
import { ROOT } from "../harness/root.ts";
import { startAll, type Started } from "../harness/start.ts";
import { until } from "../harness/wait.ts";
import { messages, say } from "./stage.ts";

const DEMO = `${ROOT}services/gateway/demo/screenshots`;
const MONITOR = `${ROOT}services/monitor/page/screenshots`;

/** The users that talk before the pictures are taken, and how long one is silent on average, milliseconds. */
const TALKERS = 24;
const TALKER_ROOMS = 8;
const SILENCE_MS = 4_000;

/** The room of the conversation. */
const ROOM = "team.release-43";

/** Who says what. */
const CONVERSATION: readonly [who: "ada" | "bob" | "cleo", words: string][] = [
  ["bob", "Morning! Is the release out?"],
  ["ada", "Rolling out now: two gateways of four are done."],
  ["ada", "The plan is at https://example.com/releases/2026-11"],
  ["cleo", "My badge went yellow for a moment."],
  ["cleo", "Was that the drain?"],
  ["ada", "Yes, gateway 2. Your tab moved to another one and asked for what it had missed."],
  ["bob", "And the thread is complete. Nice."],
  ["cleo", "How long did that message take?"],
  ["ada", "Click the three dots beside it: every hop, with its time."],
];

// deno-lint-ignore no-console
const print = (line: string) => console.log(line);

/** Lets users talk until it is disposed of; more and less of them in waves, as people do. */
function startTalk(system: Started): Disposable {
  const stop = new AbortController();
  for (let i = 0; i < TALKERS; i++) {
    const client = new Hopwire(system.file.url, {
      token: () => tokenOf(system, `user-${i}`),
      measure: true,
      storage: null,
    });
    stop.signal.addEventListener("abort", () => client.close());
    const room = client.join(`desk.${i % TALKER_ROOMS}`);
    const speak = () => {
      if (stop.signal.aborted) return;
      room.send(`A line of ${20 + Math.floor(Math.random() * 200)} characters`).catch(() => {});
      const wave = 1.6 + Math.sin(Date.now() / 40_000);
      setTimeout(speak, -Math.log(1 - Math.random()) * SILENCE_MS * wave);
    };
    setTimeout(speak, Math.random() * SILENCE_MS);
  }
  return { [Symbol.dispose]: () => stop.abort() };
}

async function tokenOf(system: Started, userId: string): Promise<string> {
  const response = await fetch(`http://127.0.0.1:${system.env.AUTH_PORT}/token`, {
    method: "POST",
    body: JSON.stringify({ userId, username: userId }),
  });
  return (await response.json()).token;
}

interface Picture {
  width: number;
  height: number;
  dark?: boolean;
}

const PHONE: Picture = { width: 390, height: 844, dark: true };

/** Shows a page as this picture has it. */
async function shape(page: Page, { width, height, dark = false }: Picture) {
  await page.setViewportSize({ width, height });
  await page.emulateMedia({ colorScheme: dark ? "dark" : "light", reducedMotion: "reduce" });
  await page.bringToFront();
}

async function take(page: Page, file: string, fullPage = false): Promise<void> {
  await page.mouse.move(0, 0);
  await page.screenshot({ path: file, fullPage, animations: "disabled" });
  const smaller = await findOnPath("pngquant");
  if (smaller !== null) {
    const args = ["--force", "--skip-if-larger", "--output", file, "256", file];
    await new Deno.Command(smaller, { args }).output();
  }
  print(file.slice(ROOT.length));
}

async function signIn(context: BrowserContext, url: string, name: string): Promise<Page> {
  const page = await context.newPage();
  await page.goto(url);
  await page.getByLabel("Your name").fill(name);
  await page.getByLabel("Room", { exact: true }).fill(ROOM);
  await page.getByRole("button", { name: "Join" }).click();
  await page.locator("#members").getByText(name).first().waitFor({ state: "attached" });
  return page;
}

/** The browser of pictures with a pixel for each pixel, and that of phones, with two. */
interface Browsers {
  screen: BrowserContext;
  handheld: BrowserContext;
}

/** Takes the pictures of the demo page. Returns the address of the trace of the last message. */
async function demo({ screen, handheld }: Browsers, { file }: Started): Promise<string> {
  const ada = await signIn(screen, file.url, "Ada Lovelace");
  await shape(ada, { width: 1_200, height: 720 });
  for (const room of ["support", "chat.all-hands", ROOM]) {
    if (room !== ROOM) await ada.getByLabel("Another room").fill(room);
    if (room !== ROOM) await ada.getByRole("button", { name: "Enter the room" }).click();
    else await ada.locator("#rooms").getByText(room).click();
    await ada.getByRole("heading", { name: room }).waitFor();
  }
  const bob = await signIn(screen, file.url, "Bob Ito");
  const cleo = await signIn(screen, file.url, "Cleo Park");
  const pages = { ada, bob, cleo };
  for (const [who, words] of CONVERSATION) {
    await pages[who].bringToFront();
    await say(pages[who], words);
    await messages(ada).getByText(words).waitFor();
  }
  await cleo.getByLabel("Another room").fill("chat.all-hands");
  await cleo.getByRole("button", { name: "Enter the room" }).click();
  await cleo.getByRole("heading", { name: "chat.all-hands" }).waitFor();
  for (let i = 0; i < 10; i++) await say(cleo, `Slide ${i + 1} is up.`);
  await ada.locator("#rooms").getByText("10", { exact: true }).waitFor();
  for (const dark of [false, true]) {
    await bob.bringToFront();
    await bob.getByLabel("Message", { exact: true }).pressSequentially("Ni", { delay: 50 });
    await shape(ada, { width: 1_200, height: 720, dark });
    await ada.getByLabel("Message", { exact: true }).focus();
    await ada.getByText("Bob Ito is typing").waitFor();
    await take(ada, `${DEMO}/${dark ? "dark" : "light"}.png`);
  }
  const phone = await signIn(handheld, file.url, "Dora Kim");
  await shape(phone, PHONE);
  await messages(phone).getByText(CONVERSATION.at(-1)![1]).waitFor();
  await messages(phone).evaluate((list) => list.scrollTop = list.scrollHeight);
  await take(phone, `${DEMO}/phone.png`);
  const links = messages(ada).locator('a[href*="#/trace/"]');
  const href = await links.last().getAttribute("href");
  return new URL(href!, file.url).href;
}

/** Takes the pictures of monitor. */
async function monitor(browsers: Browsers, { file, env }: Started, trace: string) {
  const api = monitorOn(Number(env.MONITOR_PORT));
  await until("the whole trace", async () => {
    const { spans } = (await api.trace(trace.slice(-32)))!;
    return ["client.send", "nats.store", "archive.store", "edge.fanout"]
      .every((name) => spans.some(({ hop }) => hop === name));
  });
  for (const [name, picture] of Object.entries(PICTURES)) {
    const page = await (picture === PHONE ? browsers.handheld : browsers.screen).newPage();
    await shape(page, picture);
    await page.goto(file.monitor!);
    await page.locator("#slowest a").first().waitFor();
    await page.locator('[data-hop="client.receive"]:not(.absent)').waitFor();
    await page.waitForFunction("document.querySelectorAll('#charts canvas').length === 4");
    await take(page, `${MONITOR}/overview-${name}.png`, picture !== PHONE);

    await shape(page, picture === PHONE ? PHONE : { ...picture, width: 1_280, height: 800 });
    await page.goto(trace);
    const fanout = page.locator(".span", { hasText: "edge.fanout" });
    await fanout.last().click();
    await page.evaluate("scrollTo(0, 0)");
    await take(page, `${MONITOR}/trace-${name}.png`, picture !== PHONE);
  }
}

const PICTURES: Record<string, Picture> = {
  light: { width: 1_440, height: 1_000 },
  dark: { width: 1_440, height: 1_000, dark: true },
  phone: PHONE,
};

if (import.meta.main) {
  const minutes = Number(Deno.args[0] ?? 10);
  const chromium = await findChromium();
  assert.ok(chromium !== null, "there is no chromium");
  await buildPages();
  const server = await findCurrentNats(print);
  await using system = await startAll({
    GATEWAYS: "2",
    ...server === null ? {} : { NATS_SERVER: server },
  });
  using _talk = startTalk(system);
  print(`users talk for ${minutes} minutes`);
  await new Promise((resolve) => setTimeout(resolve, minutes * 60_000));
  await using screen = await startChromium(chromium);
  await using handheld = await startChromium(chromium, { deviceScaleFactor: 2 });
  const browsers = { screen: screen.context, handheld: handheld.context };
  await monitor(browsers, system, await demo(browsers, system));
}
