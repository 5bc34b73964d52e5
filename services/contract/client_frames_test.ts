import assert from "node:assert/strict";
import { MAX_TOKEN_LENGTH, parseClientFrame } from "./mod.ts";

function refusal(text: string): string {
  const parsed = parseClientFrame(text);
  assert.ok(!parsed.ok, `${text} should be refused`);
  return `${parsed.error.code}: ${parsed.error.message}`;
}

/** A frame with one measurement, valid but for `wrong`. */
function measured(wrong: object): string {
  const entry = { hop: "client.send", ms: 1, ago: 1, ...wrong };
  return JSON.stringify({ type: "measurements", entries: [entry] });
}

Deno.test("a refusal names what is wrong", () => {
  const cases: [string, RegExp][] = [
    ["", /^invalid_format: Invalid message format: not JSON$/],
    ["{", /not JSON/],
    ["[]", /expected a JSON object/],
    ["null", /expected a JSON object/],
    ['"message"', /expected a JSON object/],
    ["{}", /type: expected a string/],
    ['{"type":7}', /type: expected a string/],
    ['{"type":"shout"}', /^unknown_type: Unknown message type: "shout"$/],
    ['{"type":"toString"}', /^unknown_type/],
    ['{"type":"__proto__"}', /^unknown_type/],
    ['{"type":"subscribe"}', /room: Required/],
    ['{"type":"subscribe","room":""}', /room: expected a room name/],
    ['{"type":"subscribe","room":"a..b"}', /room: expected a room name/],
    ['{"type":"subscribe","room":"a.b.c.d.e"}', /room: expected a room name/],
    ['{"type":"subscribe","room":"chat.*"}', /room: expected a room name/],
    ['{"type":"subscribe","room":"a b"}', /room: expected a room name/],
    ['{"type":"subscribe","room":"ä"}', /room: expected a room name/],
    [`{"type":"subscribe","room":"${"a".repeat(65)}"}`, /room: expected a room name/],
    ['{"type":"subscribe","room":"a","since":{"seq":-1,"epoch":"e"}}', /since.seq/],
    ['{"type":"subscribe","room":"a","since":{"seq":1}}', /since.epoch/],
    ['{"type":"message","room":"a"}', /content: Required/],
    ['{"type":"message","room":"a","content":1,"id":""}', /id: expected 1 to 64/],
    ['{"type":"message","room":"a","content":1,"id":"a\\r\\nX: y"}', /id: expected 1 to 64/],
    ['{"type":"message","room":"a","content":1,"traceparent":"x"}', /traceparent/],
    ['{"type":"history","room":"a"}', /id/],
    ['{"type":"history","room":"a","id":"1","limit":501}', /limit/],
    ['{"type":"history","room":"a","id":"1","before":1,"after":1}', /not both/],
    ['{"type":"call","service":"a.b","method":"c","id":"1"}', /service/],
    ['{"type":"message","room":"a","content":1,"trace":"yes"}', /trace: .*boolean/],
    ['{"type":"signal","room":"a","content":1,"traceparent":"00-1-2-01"}', /traceparent/],
    ['{"type":"call","service":"a","method":"b","id":"1","trace":1}', /trace/],
    ['{"type":"subscribe","room":"a","trace":1}', /trace/],
    ['{"type":"measurements"}', /entries/],
    ['{"type":"measurements","entries":[]}', /entries/],
    [measured({ hop: "bus.store" }), /entries.0.hop/],
    [measured({ ms: -1 }), /entries.0.ms/],
    [measured({ ms: 60_001 }), /entries.0.ms/],
    [measured({ ago: -0.1 }), /entries.0.ago/],
    [measured({ ago: undefined }), /entries.0.ago/],
    [measured({ traceparent: "00" }), /entries.0.traceparent/],
    [`{"type":"auth","token":"${"a".repeat(MAX_TOKEN_LENGTH + 1)}"}`, /token/],
  ];
  for (const [text, expected] of cases) assert.match(refusal(text), expected, text);
});

Deno.test("a refusal carries the frame's id and room if they are valid", () => {
  const parsed = parseClientFrame('{"type":"message","room":"lobby","id":"7"}');
  assert.ok(!parsed.ok);
  assert.equal(parsed.error.id, "7");
  assert.equal(parsed.error.room, "lobby");
  const other = parseClientFrame('{"type":"message","room":"no room","id":{}}');
  assert.ok(!other.ok);
  assert.equal(other.error.id, undefined);
  assert.equal(other.error.room, undefined);
});

Deno.test("unknown fields are dropped, and null is valid content", () => {
  const parsed = parseClientFrame('{"type":"message","room":"a","content":null,"userId":"root"}');
  assert.deepEqual(parsed, { ok: true, frame: { type: "message", room: "a", content: null } });
});

Deno.test("parsing the deepest possible nesting does not throw", () => {
  const deep = "[".repeat(32_000) + "]".repeat(32_000);
  assert.equal(parseClientFrame(`{"type":"message","room":"a","content":${deep}}`).ok, true);
});
