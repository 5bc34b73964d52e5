/** The demo page in a real browser: two tabs talk to each other. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { freePort } from "../harness/process.ts";
import { startSystem } from "../harness/system.ts";
import { until } from "../harness/wait.ts";

const executablePath = await findChromium();

Deno.test({
  name: "two tabs of the demo page talk to each other",
  ignore: executablePath === null,
  // Playwright keeps timers and a socket of its own until the browser has gone.
  sanitizeOps: false,
  sanitizeResources: false,
  async fn(t) {
    const authPort = freePort();
    await using system = await startSystem({
      env: {
        auth: { PORT: String(authPort), AUTH_DEV_TOKENS: "true" },
        gateway: { DEMO: "true", DEMO_TOKEN_URL: `http://127.0.0.1:${authPort}/token` },
      },
    });
    await using browser = await startChromium(executablePath!);
    const url = `http://127.0.0.1:${system.gateways[0]!.port}/`;
    const problems: string[] = [];

    const open = async (name: string): Promise<Page> => {
      const page = await browser.context.newPage();
      page.on("console", (message) => {
        if (message.type() === "error") problems.push(message.text());
      });
      page.on("pageerror", (error) => problems.push(String(error)));
      await page.goto(url);
      await page.getByLabel("Your name").fill(name);
      await page.getByLabel("Room").fill("chat.demo");
      await page.getByRole("button", { name: "Join" }).click();
      await page.getByText("in chat.demo").waitFor();
      return page;
    };
    const say = async (page: Page, words: string) => {
      await page.getByLabel("Message", { exact: true }).fill(words);
      await page.getByRole("button", { name: "Send" }).click();
    };
    const messages = (page: Page) => page.getByRole("list", { name: "Messages" });
    const members = (page: Page) => page.getByRole("list", { name: "Members" });

    const ann = await open("Ann");
    const bob = await open("Bob");

    await t.step("each sees the other among the members", async () => {
      for (const page of [ann, bob]) {
        for (const name of ["Ann", "Bob"]) await members(page).getByText(name).waitFor();
      }
    });

    await t.step("what one says both read", async () => {
      await say(ann, "Hello, Bob");
      await say(bob, "Hello, Ann");
      for (const page of [ann, bob]) {
        await messages(page).getByText("Hello, Bob").waitFor();
        await messages(page).getByText("Hello, Ann").waitFor();
      }
    });

    await t.step("markup is text", async () => {
      await say(ann, "<img src=x onerror=alert(1)><script>alert(2)</script>");
      await messages(bob).getByText("<img src=x onerror=alert(1)>").waitFor();
      assert.equal(await bob.locator("#messages img, #messages script").count(), 0);
    });

    await t.step("who comes later reads what was said, and who leaves is told", async () => {
      const cid = await open("Cid");
      await messages(cid).getByText("Hello, Bob").waitFor();
      await members(ann).getByText("Cid").waitFor();
      await cid.close();
      await until("Cid to be gone", async () => await members(ann).getByText("Cid").count() === 0);
    });

    await t.step("the gateway is killed and comes back: both go on", async () => {
      await system.gateways[0]!.restart();
      await system.gateways[0]!.ready();
      for (const page of [ann, bob]) await page.getByText("in chat.demo").waitFor();
      await say(ann, "still here");
      await messages(bob).getByText("still here").waitFor();
      assert.equal(await messages(bob).getByText("Hello, Bob").count(), 1);
    });

    const unexpected = problems.filter((problem) => !/WebSocket connection to/.test(problem));
    assert.deepEqual(unexpected, []);
  },
});
