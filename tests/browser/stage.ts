/**
 * What the tests of the demo page share: a system with the page, a proxy in front of it, and a browser.
 *
 * @module
 */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { freePort } from "../harness/ports.ts";
import { type Proxy, startProxy } from "../harness/proxy.ts";
import { startSystem, type System } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const executablePath = await findChromium();

/** How a page is opened. */
export interface OpenOptions {
  room?: string;
  width?: number;
  /** Called before the page is loaded. */
  prepare?: (page: Page) => Promise<unknown>;
}

/** A system with the page, a proxy in front of it, and a browser. */
export interface Stage {
  system: System;
  proxy: Proxy;
  url: string;
  /** Unexpected errors of the pages. */
  problems: string[];
  /** Opens a page and signs in. */
  open(name: string, options?: OpenOptions): Promise<Page>;
}

/** Variables of services, in addition to what the page needs. */
export interface StageVariables {
  auth?: Record<string, string>;
  gateway?: Record<string, string>;
}

async function runOnStage(
  run: (stage: Stage) => Promise<void>,
  { auth = {}, gateway = {} }: StageVariables,
): Promise<void> {
  const authPort = freePort();
  await using system = await startSystem({
    env: {
      auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true", ...auth },
      gateway: { DEMO: "true", DEMO_TOKEN_URL: `http://127.0.0.1:${authPort}/token`, ...gateway },
    },
  });
  await using proxy = await startProxy([system.gateways[0]!.port]);
  await using browser = await startChromium(executablePath!);
  const problems: string[] = [];
  const url = `http://127.0.0.1:${proxy.port}/`;
  const open: Stage["open"] = async (
    name,
    { room = "chat.demo", width = 1_100, prepare } = {},
  ) => {
    const page = await browser.context.newPage();
    await page.setViewportSize({ width, height: 700 });
    await prepare?.(page);
    page.on("console", (message) => {
      // The browser reports connections that a test cuts or blocks on purpose.
      const expected = /WebSocket connection to|Failed to load resource|net::ERR/;
      if (message.type() === "error" && !expected.test(message.text())) {
        problems.push(message.text());
      }
    });
    page.on("pageerror", (error) => problems.push(String(error)));
    await page.goto(url);
    await page.getByLabel("Your name").fill(name);
    await page.getByLabel("Room", { exact: true }).fill(room);
    await page.getByRole("button", { name: "Join" }).click();
    // On a narrow page a button opens the list.
    await page.locator("#members").getByText(name).waitFor({ state: "attached" });
    return page;
  };
  await run({ system, proxy, url, problems, open });
  assert.deepEqual(problems, []);
}

/** The list of messages. */
export const messages = (page: Page) => page.getByRole("log", { name: "Messages" });
/** The list of members. */
export const members = (page: Page) => page.getByRole("list", { name: "Members" });
/** The state of the connection. */
export const badge = (page: Page) => page.locator("#badge");

/** Sends a message by the page. */
export async function say(page: Page, words: string): Promise<void> {
  await page.getByLabel("Message", { exact: true }).fill(words);
  await page.keyboard.press("Enter");
}

/** Returns the texts of the messages that the page shows. */
export const shownTexts = (page: Page) =>
  messages(page).locator("li:not(.note) p").allTextContents();

/**
 * Waits until the page shows these messages. Asserts that they are in this order and none is there
 * twice.
 */
export async function assertShown(page: Page, expected: readonly string[]): Promise<void> {
  let got: string[] = [];
  await until(`the page to show ${expected.slice(-3)}`, async () => {
    got = await shownTexts(page);
    return expected.every((words) => got.includes(words));
  }).catch((error) => {
    throw new Error(`${error.message}, it shows ${JSON.stringify(got.slice(-5))}`);
  });
  assert.deepEqual(got.filter((words) => expected.includes(words)), expected);
}

/** Registers a test on a stage of its own. Ignored if Chromium is not installed. */
export function browserTest(
  name: string,
  run: (stage: Stage) => Promise<void>,
  variables: StageVariables = {},
): void {
  Deno.test({
    name: `Chromium: ${name}`,
    ignore: executablePath === null,
    // Playwright keeps timers and a socket open until the browser has closed.
    sanitizeOps: false,
    sanitizeResources: false,
    fn: () => runOnStage(run, variables),
  });
}
