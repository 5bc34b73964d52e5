import assert from "node:assert/strict";
import { MAX_PAGE_BYTES, messageSubject } from "../../contract/mod.ts";
import { event } from "../persistence_suite.ts";
import { toArchiveRow } from "./archive_row.ts";

const message = (data: string | Uint8Array, subject = messageSubject("lobby")) => ({
  subject,
  seq: 7,
  storedAt: 1_234,
  data: typeof data === "string" ? new TextEncoder().encode(data) : data,
});

Deno.test("a gateway's event is archived exactly as published", () => {
  const text = JSON.stringify(event("lobby", "m1", { content: { a: ["é", "\u0000\ud800", 1.5] } }));
  assert.deepEqual(toArchiveRow(message(text)), {
    row: { seq: 7, room: "lobby", storedAt: 1_234, event: text },
  });
});

Deno.test("unknown fields are dropped, and the text is normalised", () => {
  const written =
    `\ufeff { "seq": 99, "prev": 98, "timestamp": 1, "content": [1e20, 1.0], "id": "m",
    "username": "Ann", "userId": "ann", "room": "lobby" } `;
  const { row, invalid } = toArchiveRow(message(written));
  assert.equal(invalid, undefined);
  assert.equal(
    row.event,
    '{"room":"lobby","id":"m","userId":"ann","username":"Ann",' +
      '"content":[100000000000000000000,1],"timestamp":1}',
  );
});

const INVALID: [string, string | Uint8Array, RegExp][] = [
  ["not JSON", "{", /JSON/],
  ["empty", "", /JSON/],
  ["not an object", "[]", /object/],
  ["null", "null", /object/],
  ["no user", JSON.stringify({ ...event("lobby", "m"), userId: undefined }), /userId/],
  [
    "an invalid time",
    JSON.stringify({ ...event("lobby", "m"), timestamp: "now" }),
    /timestamp/,
  ],
  ["another room", JSON.stringify(event("hall", "m")), /room: not the subject's/],
  ["not UTF-8", new Uint8Array([0x7b, 0xff, 0xfe, 0x7d]), /JSON/],
  [
    "more than a page",
    JSON.stringify(event("lobby", "m", { content: "x".repeat(MAX_PAGE_BYTES) })),
    /too large/,
  ],
];
for (const [what, data, why] of INVALID) {
  Deno.test(`an invalid event is archived as a placeholder in its place: ${what}`, () => {
    const { row, invalid } = toArchiveRow(message(data));
    assert.match(invalid!, why);
    const { event, ...rest } = row;
    assert.deepEqual(rest, { seq: 7, room: "lobby", storedAt: 1_234 });
    assert.deepEqual(JSON.parse(event), {
      room: "lobby",
      id: "invalid-7",
      userId: "unknown",
      username: "",
      content: null,
      timestamp: 1_234,
    });
  });
}

Deno.test("a message on an invalid subject is archived outside every room", () => {
  const text = JSON.stringify(event("lobby", "m"));
  for (
    const subject of [
      "room.message.7.lobby",
      "room.message.lobby",
      "room.message.19",
      "room.message.19.a.b.c.d.e",
      "room.message.19.l\u0000öbby",
      `room.message.19.${"x".repeat(3_000)}`,
    ]
  ) {
    const { row, invalid } = toArchiveRow(message(text, subject));
    assert.match(invalid!, /not a room's subject/);
    assert.match(row.room, /^![\x21-\x7e]{1,200}$/);
    assert.equal(row.seq, 7);
  }
});
