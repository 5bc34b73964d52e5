import assert from "node:assert/strict";
import { referenceOfText } from "./frame_reference.ts";

Deno.test("a frame's id and room are found at its top level, whatever stands beside them", () => {
  const frame = {
    type: "message",
    content: { id: "inner", room: "inner", text: 'a "quoted" {, brace \\', list: [{ id: "x" }] },
    id: "m-1",
    room: "chat.lobby",
  };
  assert.deepEqual(referenceOfText(JSON.stringify(frame)), { id: "m-1", room: "chat.lobby" });
  assert.deepEqual(referenceOfText(JSON.stringify(frame, null, 2)), {
    id: "m-1",
    room: "chat.lobby",
  });
  assert.deepEqual(referenceOfText('{"type":"subscribe","channel":"a"}'), { room: "a" });
});

Deno.test("behind a long text the id is found, behind very many values or quotes it is not", () => {
  const found = (content: unknown) => referenceOfText(JSON.stringify({ content, id: "m" })).id;
  assert.equal(found("x".repeat(60_000)), "m");
  assert.equal(found('say "yes" \\'.repeat(100)), "m");
  assert.equal(found("\\"), "m");
  assert.equal(found(Array(2_000).fill(1)), "m");
  assert.equal(found(Array(20_000).fill(1)), undefined);
  assert.equal(found('"'.repeat(20_000)), undefined);
});

Deno.test("text that is no frame has no id, and neither has an invalid one", () => {
  for (const text of ["", "{", '"id"', '{"id"', '{"id":7}', '{"id":"a b"}', '{"x":"id","y":"1"}']) {
    assert.deepEqual(referenceOfText(text), {}, text);
  }
});
