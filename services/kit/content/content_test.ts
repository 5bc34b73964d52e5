import assert from "node:assert/strict";
import { contentJson } from "./content.ts";
import { prepareHtml } from "./html.ts";

await prepareHtml();

Deno.test("text is passed on unchanged, whatever it is", () => {
  for (
    const text of [
      "",
      "<script>alert(1)</script> & \"'",
      "\u0000\u0007\u001b[31m\u007f\r\n\t",
      "\u202eright to left\u202c \u200d \ufeff \uffff",
      "🦊 e\u0301 ﷽",
      "\\ud83e \\\\ud83e",
    ]
  ) {
    for (const content of [text, { text }, { [text]: [text] }]) {
      assert.deepEqual(JSON.parse(contentJson(content)), content);
    }
  }
});

Deno.test("half a character is refused wherever it stands", () => {
  for (const half of ["\ud83e", "\udd8a", "a\ud83e", "\\\ud83e", "🦊\udd8a"]) {
    for (const content of [half, [half], { [half]: 1 }]) {
      assert.throws(() => contentJson(content), {
        message: "Invalid message format: content: a lone surrogate is not a character",
      });
    }
  }
});

Deno.test("where HTML is required, a string is made safe and all else is refused", () => {
  assert.equal(
    contentJson("<b>Hi</b><script>alert(1)</script>", "html"),
    JSON.stringify("<b>Hi</b>"),
  );
  for (const content of [null, 1, ["<b>"], { html: "<b>" }]) {
    assert.throws(() => contentJson(content, "html"), /requires a string of HTML/);
  }
  assert.throws(() => contentJson("x".repeat(8_193), "html"), /more than 8192 characters of HTML/);
  // It grows, because each character becomes a reference.
  assert.throws(() => contentJson("&".repeat(8_000), "html"), /Content too large/);
});
