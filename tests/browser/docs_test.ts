/** The page /docs in a browser. */
import assert from "node:assert/strict";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { startSystem } from "../harness/system.ts";

const executablePath = await findChromium();

Deno.test({
  name: "the page /docs shows frames and their fields, and its policy blocks nothing of it",
  ignore: executablePath === null,
  async fn() {
    await using system = await startSystem({ env: { gateway: { API_DOCS: "true" } } });
    await using browser = await startChromium(executablePath!);
    const page = await browser.context.newPage();
    const problems: string[] = [];
    page.on("console", (message) => {
      // The browser asks for an icon by itself.
      if (message.type() === "error" && !message.location().url.endsWith("/favicon.ico")) {
        problems.push(message.text());
      }
    });
    await page.goto(`http://127.0.0.1:${system.gateways[0]!.port}/docs`);
    const display = await page.evaluate("getComputedStyle(document.body).display");
    assert.equal(display, "grid", "the style sheet does not apply");
    await page.getByText("From the client", { exact: true }).first().click();
    await page.getByRole("heading", { name: "subscribe", exact: true }).waitFor();
    const field = page.getByRole("row", { name: "since" }).first();
    await field.getByRole("link", { name: "Since" }).click();
    assert.match(page.url(), /#schema-Since$/);
    await page.getByRole("heading", { name: "history.read" }).waitFor();
    await page.getByRole("heading", { name: "POST /poll" }).waitFor();
    assert.deepEqual(problems, []);
  },
});
