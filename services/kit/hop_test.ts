import assert from "node:assert/strict";
import { contextOf, isSampled, ROOT_CONTEXT, SpanKind, startHop, traceparentOf } from "./hop.ts";

const TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

Deno.test("a client's context is propagated with and without an exporter", () => {
  const hop = startHop("test", SpanKind.INTERNAL, contextOf(TRACEPARENT), {});
  hop.end();
  assert.equal(traceparentOf(hop.context)!.slice(0, 35), TRACEPARENT.slice(0, 35));
});

Deno.test("an invalid traceparent gives the root context", () => {
  for (
    const text of [
      undefined,
      "",
      "x",
      TRACEPARENT.slice(1),
      `00-${"0".repeat(32)}-${"0".repeat(16)}-01`,
    ]
  ) {
    assert.equal(traceparentOf(contextOf(text)), undefined, text);
  }
  assert.equal(traceparentOf(ROOT_CONTEXT), undefined);
});

Deno.test("the sampled flag is read from every digit", () => {
  assert.equal(isSampled(TRACEPARENT), true);
  assert.equal(isSampled(TRACEPARENT.replace(/01$/, "00")), false);
  assert.equal(isSampled(TRACEPARENT.replace(/01$/, "03")), true);
  assert.equal(isSampled(undefined), false);
  for (let flags = 0; flags < 256; flags++) {
    const text = TRACEPARENT.slice(0, -2) + flags.toString(16).padStart(2, "0");
    assert.equal(isSampled(text), flags % 2 === 1, text);
  }
});
