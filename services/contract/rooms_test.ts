import assert from "node:assert/strict";
import {
  bucketOf,
  matchesRoom,
  messageSubject,
  ROOM_BUCKETS,
  roomOfSubject,
  RoomPattern,
  RoomsClaim,
  subjectToken,
  subjectTokenText,
} from "./mod.ts";

Deno.test("patterns match by the rules of NATS", () => {
  const cases: [string, string, boolean][] = [
    [">", "a", true],
    [">", "a.b.c.d", true],
    ["*", "a", true],
    ["*", "a.b", false],
    ["a.*.c", "a.b.c", true],
    ["a.*.c", "a.b.d", false],
    ["a.>", "a", false],
    ["a.*.>", "a.b", false],
    ["a.*.>", "a.b.c", true],
    ["a", "a.b", false],
  ];
  for (const [pattern, room, expected] of cases) {
    assert.equal(matchesRoom(pattern, room), expected, `${pattern} and ${room}`);
  }
});

Deno.test("an invalid pattern is refused", () => {
  for (const pattern of ["", ".", "a.", "a.>.b", "a*", "**", ">.a", "a b", "a.b.c.d.e.f"]) {
    assert.equal(RoomPattern.safeParse(pattern).success, false, pattern);
  }
  assert.equal(RoomsClaim.safeParse({ "a.>.b": ["publish"] }).success, false);
  assert.equal(RoomsClaim.safeParse({ a: ["fly"] }).success, false);
  assert.equal(RoomsClaim.safeParse(Array(65).fill("a")).success, false);
});

Deno.test("rooms spread evenly over the buckets", () => {
  const counts = new Array(ROOM_BUCKETS).fill(0);
  for (let i = 0; i < 64_000; i++) counts[bucketOf(`room.${i}`)]++;
  assert.ok(Math.min(...counts) > 500 && Math.max(...counts) < 1_500, String(counts));
});

Deno.test("rooms and texts survive encoding to subjects and tokens", () => {
  for (const room of ["a", "a.b", "a.b.c.d", "0.0"]) {
    assert.equal(roomOfSubject(messageSubject(room)), room);
  }
  const tokens = new Set<string>();
  const texts = ["a", "a.b", "=YS5i", "*", ">", " ", "ä", "日本", "a\r\nb", "x".repeat(128)];
  for (const text of texts) {
    const token = subjectToken(text);
    assert.match(token, /^[A-Za-z0-9_=-]+$/);
    assert.equal(subjectTokenText(token), text);
    tokens.add(token);
  }
  assert.equal(tokens.size, texts.length);
});
