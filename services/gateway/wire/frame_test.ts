import assert from "node:assert/strict";
import { encodeFrame, type Frame, messageFrame, signalFrame, textFrame } from "./frame.ts";

const encode = (text: string) => new TextEncoder().encode(text);

/** Decodes an unmasked text frame by RFC 6455 and checks its header. Returns the payload. */
function payload({ wire, start }: Frame): string {
  assert.equal(wire[0], 0x81);
  const view = new DataView(wire.buffer, wire.byteOffset, wire.length);
  const short = wire[1]!;
  const [length, header] = short < 126
    ? [short, 2]
    : short === 126
    ? [view.getUint16(2), 4]
    : [Number(view.getBigUint64(2)), 10];
  assert.equal(header, start);
  assert.equal(length, wire.length - header);
  return new TextDecoder().decode(wire.subarray(header));
}

Deno.test("every length of payload gets the right header", () => {
  for (const length of [2, 125, 126, 127, 65_535, 65_536, 100_000]) {
    const json = JSON.stringify("x".repeat(length - 2));
    assert.equal(payload(textFrame(json)), json);
  }
});

Deno.test("seq and prev go in front of the event, which stays as published", () => {
  const event = { room: "lobby", id: "1", content: { text: "grüß 👋" } };
  const frame = messageFrame(encode(JSON.stringify(event)), 12, 7)!;
  assert.deepEqual(JSON.parse(payload(frame)), {
    type: "room-message",
    seq: 12,
    prev: 7,
    ...event,
  });
  assert.ok(payload(frame).startsWith('{"type":"room-message","seq":12,"prev":7,"room"'));
  const signal = signalFrame(encode(JSON.stringify(event)))!;
  assert.deepEqual(JSON.parse(payload(signal)), { type: "room-signal", ...event });
});

Deno.test("an event that is not an object has no frame", () => {
  for (const text of ["", "{}", "[1]", '"x"', '{"a":1', "null"]) {
    assert.equal(messageFrame(encode(text), 1, 0), null, text);
  }
});

Deno.test("an encoded object is its JSON", () => {
  assert.equal(payload(encodeFrame({ type: "pong" })), '{"type":"pong"}');
});
