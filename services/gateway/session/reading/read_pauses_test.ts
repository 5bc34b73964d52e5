import assert from "node:assert/strict";
import { ReadPauses } from "./read_pauses.ts";

Deno.test("a client is paused while there is any reason, and frames wait for some of them", () => {
  const pauses = new ReadPauses();
  assert.deepEqual([pauses.remove("joins"), pauses.active], [false, false]);
  assert.deepEqual([pauses.add("frames"), pauses.holding], [true, false]);
  assert.deepEqual([pauses.add("joins"), pauses.holding], [false, true]);
  assert.equal(pauses.add("joins"), false);
  assert.deepEqual([pauses.remove("joins"), pauses.active, pauses.holding], [true, true, false]);
  assert.deepEqual([pauses.remove("frames"), pauses.active], [true, false]);
  assert.deepEqual([pauses.add("token"), pauses.holding], [true, true]);
});
