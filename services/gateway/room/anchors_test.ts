import assert from "node:assert/strict";
import { Anchors } from "./anchors.ts";

const payload = (seq: number) => new Uint8Array([seq]);

Deno.test("the newest messages are kept, and older ones are no news", () => {
  const anchors = new Anchors();
  assert.deepEqual([anchors.highest, anchors.newestFirst()], [0, []]);
  for (let seq = 1; seq <= 40; seq++) anchors.note(seq, payload(seq));
  anchors.note(12, payload(99));
  assert.equal(anchors.highest, 40);
  const kept = anchors.newestFirst();
  assert.deepEqual(kept.map(({ seq }) => seq), Array.from({ length: 16 }, (_, i) => 40 - i));
  for (const { seq, payload } of kept) assert.equal(payload[0], seq);
  anchors.forget(40);
  anchors.forget(3);
  assert.deepEqual(anchors.newestFirst().map(({ seq }) => seq).slice(0, 2), [39, 38]);
  assert.equal(anchors.highest, 40);
  anchors.clear();
  assert.deepEqual([anchors.highest, anchors.newestFirst()], [0, []]);
  anchors.note(1, payload(1));
  assert.equal(anchors.highest, 1);
});
