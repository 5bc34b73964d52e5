import assert from "node:assert/strict";
import { dayName, placeOf } from "./arrangement.ts";

const noon = new Date(2026, 2, 4, 12).getTime();
const minutes = (count: number) => noon + count * 60_000;

Deno.test("messages of one user within five minutes stand together", () => {
  const first = { userId: "ann", timestamp: noon };
  assert.deepEqual(placeOf(first, undefined), { continues: false, newDay: true });
  const place = (userId: string | null, after: number) =>
    placeOf({ userId, timestamp: minutes(after) }, first);
  assert.deepEqual(place("ann", 5), { continues: true, newDay: false });
  assert.deepEqual(place("ann", 6), { continues: false, newDay: false });
  assert.deepEqual(place("bob", 0), { continues: false, newDay: false });
  // A note of the page ends a group.
  assert.deepEqual(place(null, 1), { continues: false, newDay: false });
  const note = { userId: null, timestamp: noon };
  assert.equal(placeOf({ userId: "ann", timestamp: noon }, note).continues, false);
  assert.equal(placeOf(note, note).continues, false);
});

Deno.test("a message after midnight begins a new day and a new group", () => {
  const late = { userId: "ann", timestamp: new Date(2026, 2, 4, 23, 59).getTime() };
  const early = { userId: "ann", timestamp: new Date(2026, 2, 5, 0, 1).getTime() };
  assert.deepEqual(placeOf(early, late), { continues: false, newDay: true });
});

Deno.test("days are named as people name them", () => {
  const now = new Date(2026, 2, 4, 12).getTime();
  const day = (year: number, month: number, date: number) =>
    dayName(new Date(year, month, date, 23, 30).getTime(), now, "en-GB");
  assert.equal(day(2026, 2, 4), "Today");
  assert.equal(day(2026, 2, 3), "Yesterday");
  assert.match(day(2026, 1, 28), /^Saturday,? 28 February$/);
  assert.match(day(2025, 11, 31), /^Wednesday,? 31 December 2025$/);
});
