import assert from "node:assert/strict";
import { Lanes } from "./lanes.ts";

/** Work that is done when the test says so. */
function work(begun: string[], name: string) {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { run: () => (begun.push(name), promise), done: resolve };
}

Deno.test("a lane moves in order, and waits for no other lane", async () => {
  const begun: string[] = [];
  const lanes = new Lanes(2, 10);
  const [a1, a2, b1] = [work(begun, "a1"), work(begun, "a2"), work(begun, "b1")];
  lanes.add("a", a1.run);
  lanes.add("a", a2.run);
  lanes.add("b", b1.run);
  assert.deepEqual(begun, ["a1", "b1"]);
  b1.done();
  await lanes.changed();
  assert.deepEqual(begun, ["a1", "b1"]);
  a1.done();
  await lanes.changed();
  assert.deepEqual(begun, ["a1", "b1", "a2"]);
  a2.done();
  await lanes.idle();
  assert.equal(lanes.size, 0);
});

Deno.test("lanes are bounded in what moves and in what waits, and a busy one lets others pass", async () => {
  const begun: string[] = [];
  const lanes = new Lanes(1, 3);
  const all = ["a", "a", "b"].map((key, n) => ({ key, ...work(begun, `${key}${n}`) }));
  for (const { key, run } of all) assert.ok(lanes.add(key, run));
  assert.equal(lanes.add("c", () => Promise.resolve()), false);
  assert.deepEqual(begun, ["a0"]);
  for (const { done } of all) done();
  await lanes.idle();
  assert.deepEqual(begun, ["a0", "b2", "a1"]);
  assert.equal(lanes.free, 3);
});

Deno.test("what waits can be given up, and the lanes go on", async () => {
  const begun: string[] = [];
  const lanes = new Lanes(1, 3);
  const first = work(begun, "a1");
  lanes.add("a", first.run);
  lanes.add("a", work(begun, "a2").run);
  lanes.add("b", work(begun, "b1").run);
  assert.equal(lanes.remove(() => true), 2);
  assert.equal(lanes.size, 1);
  first.done();
  await lanes.idle();
  const last = work(begun, "b2");
  lanes.add("b", last.run);
  assert.deepEqual(begun, ["a1", "b2"]);
  last.done();
  await lanes.idle();
});
