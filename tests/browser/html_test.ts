/** What gateways leave of HTML is harmless in a real browser. */
import assert from "node:assert/strict";
import { prepareHtml, safeHtml } from "../../services/kit/content/html.ts";
import { findChromium, startChromium } from "../harness/chromium.ts";
import { XSS_VECTORS } from "../harness/xss_vectors.ts";

const executablePath = await findChromium();
await prepareHtml();

const PAGE = '<base href="https://page.example/"><main></main>';

Deno.test("making HTML safe twice changes nothing, and keeps what is harmless", () => {
  for (const vector of XSS_VECTORS) {
    assert.equal(safeHtml(safeHtml(vector)), safeHtml(vector), vector);
  }
  for (
    const html of [
      "<h1>News</h1><p>A <b>bold</b> claim, <i>really</i>.<br />Next line</p>",
      "<ul><li>one</li><li>two</li></ul><blockquote><pre><code>a &lt; b</code></pre></blockquote>",
      '<img src="https://example.org/a.png" alt="A picture" width="20" height="10" />',
      '<table><tbody><tr><td colspan="2">x</td></tr></tbody></table>',
      "1 &lt; 2 &amp; 🦊",
    ]
  ) assert.equal(safeHtml(html), html);
  assert.equal(
    safeHtml('<a href="https://example.org/?a=1&amp;b=2" target="_top">x</a>'),
    '<a href="https://example.org/?a=1&amp;b=2" rel="noopener noreferrer nofollow">x</a>',
  );
});

Deno.test({
  name: "no vector runs anything, and only listed elements and attributes reach the page",
  ignore: executablePath === null,
  async fn() {
    await using browser = await startChromium(executablePath!);
    const page = await browser.context.newPage();
    await page.setContent(PAGE);
    const show = (vectors: readonly string[]) =>
      page.evaluate(async (vectors) => {
        // deno-lint-ignore no-explicit-any
        const window = globalThis as unknown as { hit(): void; document: any };
        const found: string[] = [];
        let current = "";
        window.hit = () => found.push(`ran: ${current}`);
        const main = window.document.querySelector("main");
        for (current of vectors) {
          main.innerHTML = current;
          for (const element of main.querySelectorAll("*")) {
            found.push(element.localName);
            for (const { name } of element.attributes) {
              found.push(`${element.localName} ${name}`);
              if (name === "href" || name === "src") {
                found.push(`scheme ${String(element[name]).split(":")[0]}`);
              }
            }
            for (const type of ["click", "mouseover", "focus"]) {
              element.dispatchEvent(new Event(type, { cancelable: true }));
            }
          }
          // Pictures that cannot be loaded, animations and frames report in later turns.
          await new Promise((resolve) => setTimeout(resolve, 5));
        }
        return [...new Set(found)].sort();
      }, vectors);
    const attacks = await show(XSS_VECTORS);
    assert.ok(
      attacks.filter((text) => text.startsWith("ran: ")).length >= 5,
      "vectors work unchanged",
    );
    await page.setContent(PAGE);
    const elements = /^(a|b|p|img|div|table|tbody|tr|td)$/;
    const attributes = /^(a (href|title|rel)|img (src|alt|title|width|height))$/;
    const schemes = /^scheme (https?|mailto)$/;
    const left = await show(XSS_VECTORS.map(safeHtml));
    assert.deepEqual(
      left.filter((text) => ![elements, attributes, schemes].some((allowed) => allowed.test(text))),
      [],
    );
  },
});
