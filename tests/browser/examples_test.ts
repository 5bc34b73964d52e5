/** The examples of the client, each in a real browser with a real system. */
import assert from "node:assert/strict";
import type { Page } from "playwright-core";
import { startFeed } from "../../client/examples/price-table/feed.ts";
import { ROWS } from "../../client/examples/price-table/prices.ts";
import { serveExamples } from "../../client/examples/serve.ts";
import { Hopwire } from "../../client/mod.ts";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { codeBlock } from "../harness/code_blocks.ts";
import { freePort } from "../harness/ports.ts";
import { startProcess } from "../harness/process.ts";
import { ROOT } from "../harness/root.ts";
import { startAll } from "../harness/start.ts";
import { tokenFor } from "../harness/system.ts";
import { until } from "../harness/wait.ts";
import { type ExampleStage, exampleTest } from "./examples_stage.ts";

const executablePath = await findChromium();

/** Most lines of an example, with its page. */
const MAX_LINES = 200;

Deno.test(`each example has at most ${MAX_LINES} lines`, async () => {
  const folder = `${ROOT}client/examples`;
  let examples = 0;
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (!isDirectory) continue;
    examples++;
    let lines = 0;
    for await (const file of Deno.readDir(`${folder}/${name}`)) {
      lines += (await Deno.readTextFile(`${folder}/${name}/${file.name}`)).split("\n").length - 1;
    }
    assert.ok(lines <= MAX_LINES, `${name} has ${lines} lines`);
  }
  assert.equal(examples, 3);
});

async function withExamples(
  { server, tokens, open }: ExampleStage,
  play: (visit: (example: string, user: string) => Promise<Page>) => Promise<void>,
): Promise<void> {
  await using examples = await serveExamples({ port: 0, server, tokens });
  await play((example, user) => open(`http://127.0.0.1:${examples.port}/${example}/?name=${user}`));
}

Deno.test({
  name: "Chromium: the commands of the examples' README show ticking prices",
  ignore: executablePath === null,
  sanitizeOps: false,
  sanitizeResources: false,
  async fn() {
    const block = await codeBlock("client/examples/README.md", "# Examples of the client", "sh");
    const [start, ...others] = block.trim().split("\n").map((line) => line.replace(/ +#.*/, ""));
    assert.equal(start, "ALLOWED_ORIGINS=http://127.0.0.1:8090 deno task start");
    // The same commands, with ports that are free.
    const port = freePort();
    await using system = await startAll({ ALLOWED_ORIGINS: `http://127.0.0.1:${port}` });
    const addresses = [system.file.url, `http://127.0.0.1:${system.env.AUTH_PORT}/token`];
    const run = (command: string, ...more: string[]) => {
      const [program, ...args] = command.split(" ");
      assert.equal(program, "deno");
      return startProcess(Deno.execPath(), [...args, ...more], { cwd: ROOT });
    };
    await using pages = run(others[0]!, String(port), ...addresses);
    await using _feed = run(others[1]!, ...addresses);
    await pages.line(`http://127.0.0.1:${port}/`);
    await using browser = await startChromium(executablePath!);
    const page = await browser.context.newPage();
    await page.goto(`http://127.0.0.1:${port}/?name=Ada`);
    await page.getByRole("link", { name: "price-table" }).click();
    await page.locator("td.up").first().waitFor();
    assert.equal(others.length, 2, "a command was added that nothing runs");
  },
});

/** Where a page shows the pointer of a user, as percentages. */
async function placeOf(page: Page, user: string): Promise<[left: number, top: number] | null> {
  const pointer = page.locator(".pointer", { hasText: user });
  if (await pointer.count() !== 1) return null;
  const style = (await pointer.getAttribute("style"))!;
  const part = (name: string) =>
    Math.round(Number(new RegExp(`${name}: ([\\d.]+)%`).exec(style)![1]));
  return [part("left"), part("top")];
}

exampleTest(
  "live cursors follow the others' pointers, and go with them",
  (stage) =>
    withExamples(stage, async (visit) => {
      const ann = await visit("live-cursors", "Ann");
      const bob = await visit("live-cursors", "Bob");
      for (const page of [ann, bob]) {
        await page.setViewportSize({ width: 1_000, height: 500 });
        await page.getByText(/^(Ann|Bob): connected$/).waitFor();
      }
      await ann.mouse.move(100, 100);
      await ann.mouse.move(500, 250, { steps: 5 });
      await until("Ann's pointer at Bob's", async () => {
        const place = await placeOf(bob, "Ann");
        return place?.[0] === 50 && place[1] === 50;
      });
      assert.equal(await ann.locator(".pointer").count(), 0, "nobody sees the own pointer");
      // A pointer that rests is presence: whoever comes later sees it.
      const cid = await visit("live-cursors", "Cid");
      await until("Ann's pointer at Cid's", async () => (await placeOf(cid, "Ann"))?.[0] === 50);
      // Presence is written by others: what is no place is not shown.
      const eve = await stage.system.client({ user: "eve" });
      eve.send({ type: "subscribe", room: "cursors.demo", presence: { x: "50%", y: 0 } });
      eve.send({ type: "signal", room: "cursors.demo", content: { x: 7, y: 0 } });
      await eve.take("subscribed");
      await ann.close();
      await until("Ann's pointer to go", async () => await bob.locator(".pointer").count() === 0);
    }),
);

exampleTest(
  "1,000 prices tick, also after a loss of the connection",
  (stage) =>
    withExamples(stage, async (visit) => {
      const hop = new Hopwire(stage.system.url(), { token: await tokenFor("price-feed") });
      try {
        const prices = startFeed(hop);
        const page = await visit("price-table", "Ann");
        const cells = page.locator("td");
        const shown = async () =>
          (await cells.allTextContents()).map((text) => Math.round(Number(text) * 100));
        await until("every price", async () => (await shown()).every((price) => price > 0));
        assert.equal(await cells.count(), ROWS);
        /** Whether the page shows what the feed has: prices that change meanwhile may differ. */
        const isCurrent = async () => {
          const before = [...prices];
          const seen = await shown();
          const same = seen.filter((price, row) => price === prices[row] || price === before[row]);
          return same.length > ROWS / 2;
        };
        await until("the prices of the feed", isCurrent);
        await until("a price that fell", async () => await page.locator("td.down").count() > 0);
        stage.proxy.cut();
        const before = await shown();
        await until(
          "the page to be connected",
          async () => await page.locator("#status").textContent() === "connected",
        );
        await until(
          "other prices",
          async () =>
            (await shown()).filter((price, row) => price !== before[row]).length > ROWS / 10,
        );
        await until("the prices of the feed", isCurrent);
      } finally {
        hop.close();
      }
    }),
);

/** The entries of a page's list; those that are done end with "!". */
const entries = (page: Page) =>
  page.getByRole("list", { name: "List" }).locator("label").evaluateAll((labels) =>
    labels.map((label) => label.textContent + (label.className === "done" ? "!" : ""))
  );

async function add(page: Page, text: string): Promise<void> {
  await page.getByLabel("New entry").fill(text);
  await page.getByRole("button", { name: "Add" }).click();
}

exampleTest(
  "a list is the same for all who change it at once, and after a reload",
  (stage) =>
    withExamples(stage, async (visit) => {
      const ann = await visit("collaborative-list", "Ann");
      const bob = await visit("collaborative-list", "Bob");
      const bothShow = (expected: string[]) =>
        until(`${expected}`, async () => {
          const all = [await entries(ann), await entries(bob)];
          return all.every((list) => String(list) === String(expected));
        });
      for (const page of [ann, bob]) {
        for (const name of ["Ann", "Bob"]) {
          await page.getByRole("list", { name: "Members" }).getByText(name).waitFor();
        }
      }
      await add(ann, "milk");
      await bothShow(["milk"]);
      await add(bob, "bread");
      await bothShow(["milk", "bread"]);
      await bob.getByLabel("milk", { exact: true }).click();
      await ann.getByRole("button", { name: "Move bread up" }).click();
      await bothShow(["bread", "milk!"]);
      // Both at once: whatever the order, both lists end up the same.
      await Promise.all([
        ann.getByRole("button", { name: "Remove milk" }).click(),
        bob.getByRole("button", { name: "Move milk up" }).click(),
        add(bob, "<b>tea</b>"),
      ]);
      await bothShow(["bread", "<b>tea</b>"]);
      // Without a connection a change waits.
      stage.proxy.mode.silent = true;
      stage.proxy.cut();
      await add(ann, "salt");
      stage.proxy.mode.silent = false;
      stage.proxy.cut();
      await bothShow(["bread", "<b>tea</b>", "salt"]);
      // What is no change is not applied, and is named.
      const eve = await stage.system.client({ user: "eve" });
      eve.send({ type: "subscribe", room: "list.demo" });
      eve.send({ type: "message", room: "list.demo", content: { type: "add", id: "x", text: 7 } });
      await ann.getByRole("alert").filter({ hasText: "text: " }).waitFor();
      await bob.reload();
      await bothShow(["bread", "<b>tea</b>", "salt"]);
    }),
);
