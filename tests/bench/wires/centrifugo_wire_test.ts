/** Deliveries, acks and replays of Centrifugo, as bytes. */
import assert from "node:assert/strict";
import { stamp, timeAt } from "../clock.ts";
import { CENTRIFUGO_WIRE as wire } from "./centrifugo_wire.ts";

const bytes = (text: string) => new TextEncoder().encode(text);

Deno.test("a publication is a delivery, and carries the time at the start of its data", () => {
  const sent = JSON.parse(wire.message("bench.room-7", undefined, `hello ${stamp(123_456)}`));
  const { channel, data } = sent.publish;
  const push = { channel, pub: { data, info: { user: "u", client: "c" }, offset: 9 } };
  const buffer = bytes(JSON.stringify({ push }));
  assert.equal(timeAt(buffer, wire.deliveredAt(buffer, 0, buffer.length)), 123_456);
  assert.deepEqual(
    wire.positionOf('{"id":2,"subscribe":{"epoch":"e"}}', JSON.stringify({ push })),
    { epoch: "e", offset: 9 },
  );
  const join = bytes(JSON.stringify({ push: { channel, join: { info: { user: "u" } } } }));
  assert.equal(wire.deliveredAt(join, 0, join.length), -1);
});

Deno.test("a reply to a publish acks the time in its number, across the 32nd bit", () => {
  for (const due of [2 ** 32 - 500, 2 ** 32 + 5_000, 9_000_000]) {
    const { id } = JSON.parse(wire.message("r", `${stamp(due)}-x`, stamp(due)));
    const reply = bytes(`{"id":${id},"publish":{}}`);
    assert.equal(wire.acked(reply, 0, reply.length, due + 7_000), due);
  }
  const subscribed = bytes('{"id":2,"subscribe":{}}');
  assert.equal(wire.acked(subscribed, 0, subscribed.length, 1_000_000), -1);
});

Deno.test("replayed publications are deliveries of their own", () => {
  const publications = [{ data: `${stamp(5)}one`, offset: 1 }, {
    data: `${stamp(6)}two`,
    offset: 2,
  }];
  const text = JSON.stringify({ id: 2, subscribe: { recovered: true, publications } });
  assert.deepEqual(wire.replayed!(text).map(({ due }) => due), [5, 6]);
  assert.equal(wire.read(text).kind, "subscribed");
});

Deno.test("a ping is neither, whatever the buffer held before", () => {
  for (
    const stale of ['{"push":{"channel":"r","pub":{"data":"x"}}}', '{"id":123456789,"publish":{}}']
  ) {
    const buffer = bytes(stale);
    assert.equal(wire.deliveredAt(buffer, 0, 2), -1);
    assert.equal(wire.acked(buffer, 0, 2, 1_000_000), -1);
  }
});
