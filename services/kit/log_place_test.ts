/** Where a listener is in the log: what counts as missed, and what does not. */
import assert from "node:assert/strict";
import { type LogLook, LogPlace } from "./log_place.ts";

/** A log of 100 messages without limits, of which the consumer has delivered ten. */
const LOOK: LogLook = {
  first: 1,
  last: 100,
  bytes: 1_000,
  maxBytes: 0,
  maxAgeMs: 0,
  delivered: 10,
  acked: 10,
  recorded: 0,
  deliveries: 10,
  pending: 90,
  unacked: 0,
};

const STREAM = "ROOMS";

function placeAt(look: Partial<LogLook> = {}): LogPlace {
  const place = new LogPlace(STREAM);
  place.looked({ ...LOOK, ...look }, 0);
  return place;
}

/** Reads these messages. */
function read(place: LogPlace, from: number, to: number, redelivered = false): void {
  for (let seq = from; seq <= to; seq++) place.read({ seq, storedAt: seq, redelivered });
}

Deno.test("what left the log before it was read is missed once", () => {
  const place = placeAt();
  read(place, 11, 20);
  const later = { ...LOOK, deliveries: 20, pending: 50, first: 51 };
  const missed = { stream: STREAM, from: 21, to: 50, messages: 30 };
  assert.deepEqual(place.looked(later, 1), missed);
  assert.equal(place.looked(later, 2), undefined);
  // It goes on behind the gap, and gets some of it again.
  read(place, 51, 60);
  read(place, 11, 15, true);
  assert.equal(place.looked({ ...later, first: 61, deliveries: 35, pending: 40 }, 3), undefined);
});

Deno.test("what the server passes over is not read", () => {
  const place = placeAt();
  read(place, 11, 20);
  // nats-server has moved the consumer to the first message that is left.
  const later = { ...LOOK, first: 51, delivered: 50, deliveries: 20, pending: 50 };
  assert.equal(place.looked(later, 1)?.messages, 30);
  // And all of the rest is too old at once.
  const last = { ...later, first: 101, delivered: 100, pending: 0 };
  assert.equal(place.looked(last, 2)?.messages, 50);
});

Deno.test("what another instance reads counts as read", () => {
  const place = placeAt();
  read(place, 11, 15);
  // Five of these, and fifteen for others.
  const later = { ...LOOK, first: 31, delivered: 30, deliveries: 30, pending: 70 };
  assert.equal(place.looked(later, 1), undefined);
});

Deno.test("messages of other rooms may leave the log", () => {
  const place = placeAt({ pending: 0 });
  const more = { ...LOOK, pending: 0, last: 200 };
  assert.equal(place.looked(more, 1), undefined);
  assert.equal(place.looked({ ...more, last: 300 }, 2), undefined);
  assert.equal(place.looked({ ...more, last: 400, first: 201 }, 3), undefined);
});

Deno.test("an instance that begins goes on where another one has recorded its place", () => {
  const quiet = { ...LOOK, maxAgeMs: 120_000, pending: 0 };
  const place = placeAt(quiet);
  assert.equal(place.toRecord(0), undefined);
  place.looked({ ...quiet, last: 150 }, 10_000);
  assert.equal(place.toRecord(10_000), 100);
  place.looked({ ...quiet, last: 200, recorded: 100 }, 20_000);
  assert.equal(place.toRecord(39_999), undefined);
  assert.equal(place.toRecord(40_000), 150);

  const look = { ...quiet, last: 200, first: 101 };
  assert.equal(new LogPlace(STREAM).looked({ ...look, recorded: 100 }, 0), undefined);
  assert.equal(new LogPlace(STREAM).looked(look, 0)?.messages, 90);
});

Deno.test("another log begins anew", () => {
  const place = placeAt({ delivered: 90 });
  assert.equal(
    place.looked({ ...LOOK, first: 3, last: 5, delivered: 2, deliveries: 0 }, 1),
    undefined,
  );
  read(place, 3, 5);
  assert.equal(
    place.looked({ ...LOOK, first: 6, last: 6, delivered: 5, deliveries: 3, pending: 1 }, 2),
    undefined,
  );
});

Deno.test("what waits is in danger by its age, and by the size of the log", () => {
  const old = placeAt({ maxAgeMs: 1_000 });
  read(old, 11, 20);
  assert.deepEqual([old.waiting, old.delay(521), old.inDanger(520)], [90, 501, false]);
  assert.equal(old.inDanger(521), true);
  assert.deepEqual([old.dropsWithin(0, 379, 520), old.dropsWithin(0, 380, 520)], [false, true]);
  assert.equal(placeAt({ maxBytes: 1_999 }).inDanger(0), true);
  assert.equal(placeAt({ maxBytes: 2_000 }).inDanger(0), false);
  assert.equal(placeAt({ maxBytes: 1_999, delivered: 50, pending: 50 }).inDanger(0), false);
  assert.equal(placeAt({ maxBytes: 1_999, pending: 0 }).inDanger(0), false);
});

Deno.test("what is remembered between two looks has a bound", () => {
  const place = placeAt();
  assert.equal(place.due(9_999), false);
  assert.equal(place.due(10_000), true);
  read(place, 11, 10 + 1_023);
  assert.equal(place.due(0), false);
  read(place, 2_000, 2_000);
  assert.equal(place.due(0), true);
});
