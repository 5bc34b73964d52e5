/** What was told is the sum of the events, also when it is read again from its parts and the stream. */
import assert from "node:assert/strict";
import type { WebhookEvent } from "../../contract/mod.ts";
import { type Entry, PARTS, Told } from "./told.ts";

let events = 0;
const eventOf = (type: WebhookEvent["type"], data: object) =>
  ({
    id: `evt_${events++}`,
    type,
    timestamp: "2026-11-30T00:00:00.000Z",
    data,
  }) as WebhookEvent;

/** What was told, in an order that does not depend on how. */
const all = (told: Told) => [...told.entries()].map((entry) => entry.join(" ")).sort();

Deno.test("joins, leaves and connections add up", () => {
  const told = new Told();
  let seq = 0;
  const tell = (type: WebhookEvent["type"], data: object) => told.tell(eventOf(type, data))(++seq);
  tell("room.occupied", { room: "a" });
  tell("room.joined", { room: "a", userId: "ann", username: "Ann" });
  tell("user.connected", { userId: "ann", username: "Ann" });
  assert.deepEqual([told.has("a", "ann"), told.isOccupied("a"), told.count("a")], [true, true, 1]);
  tell("room.left", { room: "a", userId: "ann", username: "Ann" });
  assert.deepEqual([told.has("a", "ann"), told.isOccupied("a"), told.count("a")], [false, true, 0]);
  tell("room.vacated", { room: "a" });
  assert.deepEqual([told.isOccupied("a"), all(told).length], [false, 1]);
});

Deno.test("wherever it is killed, parts and stream together give what was told", () => {
  const kept = new Map<number, { asOf: number; entries: Entry[] }>();
  const stream: WebhookEvent[] = [];
  let floor = 0;
  let told = new Told();
  let pending: (() => void)[] = [];
  let random = 1;
  const chance = (n: number) => (random = (random * 48_271) % 2_147_483_647) % n;
  for (let step = 0; step < 4_000; step++) {
    const [room, userId] = [`r${chance(5)}`, `u${chance(20)}`];
    const data = { room, userId, username: userId };
    const here = told.has(room, userId);
    const event = eventOf(here ? "room.left" : "room.joined", data);
    const stored = told.tell(event);
    // Stored in order, acknowledged later.
    const seq = stream.push(event);
    pending.push(() => stored(seq));
    if (chance(3) === 0) { for (const ack of pending.splice(0)) ack(); }
    if (chance(7) === 0) {
      for (const part of told.due(3)) {
        const { asOf, entries, written } = told.write(part)!;
        kept.set(part, structuredClone({ asOf, entries }));
        // Killed in between, the part is newer than what is known of it.
        if (chance(5) > 0) written();
      }
      floor = told.floor;
    }
    if (chance(200) > 0) continue;
    const again = new Told();
    for (const [part, one] of kept) again.load(part, one);
    for (let at = floor; at < stream.length; at++) again.replay(stream[at]!, at + 1);
    again.reached(stream.length);
    assert.deepEqual(all(again), all(told));
    told = again;
    pending = [];
  }
  assert.ok(floor > 0 && kept.size > 10);
});

Deno.test("a part is not written while an event of it is on its way", () => {
  const told = new Told();
  const data = { room: "a", userId: "ann", username: "Ann" };
  told.tell(eventOf("room.joined", data))(1);
  const [part] = told.due(5);
  // The other parts are written one after the other, and this event is told meanwhile.
  const stored = told.tell(eventOf("room.left", data));
  assert.equal(told.write(part!), undefined);
  stored(2);
  assert.deepEqual(told.write(part!)!.entries, []);
});

Deno.test("every part is written in the end, and then nothing is left to read", () => {
  const told = new Told();
  for (let seq = 1; seq <= 2_000; seq++) {
    const data = { room: "a", userId: `u${seq}`, username: "" };
    told.tell(eventOf("room.joined", data))(seq);
  }
  let writes = 0;
  for (let due = told.due(5); due.length > 0; due = told.due(5)) {
    for (const part of due) told.write(part)!.written();
    writes += due.length;
    assert.ok(writes <= PARTS);
  }
  assert.equal(told.floor, 2_000);
});
