import assert from "node:assert/strict";
import * as fc from "fast-check";
import { XSS_VECTORS } from "../../../../tests/harness/xss_vectors.ts";
import { segmentsOf } from "./links.ts";

const linksOf = (text: string) =>
  segmentsOf(text).filter(({ href }) => href !== undefined).map(({ text }) => text);

Deno.test("addresses become links, without the punctuation around them", () => {
  assert.deepEqual(segmentsOf("See https://example.com/a?b=1#c, please."), [
    { text: "See " },
    { text: "https://example.com/a?b=1#c", href: "https://example.com/a?b=1#c" },
    { text: ", please." },
  ]);
  assert.deepEqual(linksOf("(http://example.com/x)"), ["http://example.com/x"]);
  assert.deepEqual(linksOf("https://example.com/wiki/A_(b)"), ["https://example.com/wiki/A_(b)"]);
  assert.deepEqual(linksOf("HTTPS://EXAMPLE.COM!"), ["HTTPS://EXAMPLE.COM"]);
  assert.deepEqual(linksOf("http://a.example http://b.example").length, 2);
  assert.deepEqual(segmentsOf(""), [{ text: "" }]);
});

Deno.test("nothing else becomes a link", () => {
  for (
    const text of [
      "javascript:alert(1)",
      "data:text/html,x",
      "https://",
      "http://?",
      "example.com",
      "xhttps://example.com",
      // Shows one name and leads to another.
      "https://bank.example@evil.example/",
      "https://user:password@evil.example/",
    ]
  ) assert.deepEqual(linksOf(text), [], text);
  // Characters that turn the direction of text end an address.
  assert.deepEqual(linksOf("https://example.com/\u202egnp.exe"), ["https://example.com/"]);
});

Deno.test("the parts are the text, and every link is http or https", () => {
  const piece = fc.oneof(
    fc.string(),
    fc.constantFrom("https://", "http://a.example/", "javascript:", ")", "(", ". ", ...XSS_VECTORS),
  );
  fc.assert(fc.property(fc.array(piece).map((pieces) => pieces.join("")), (text) => {
    const segments = segmentsOf(text);
    assert.equal(segments.map((segment) => segment.text).join(""), text);
    for (const { href } of segments) if (href !== undefined) assert.match(href, /^https?:\/\//);
  }));
});
