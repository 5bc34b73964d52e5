import assert from "node:assert/strict";
import { type ClientFrame, MAX_FRAMES_BEFORE_JOIN } from "../../contract/mod.ts";
import { JoinQueue } from "./join_queue.ts";

const frame = (id: string): ClientFrame => ({ type: "unsubscribe", room: "a", id });

Deno.test("frames wait per room and come back in order", () => {
  const joins = new JoinQueue();
  joins.begin("a");
  joins.begin("b");
  for (const id of ["1", "2"]) joins.hold("a", frame(id), 10, 0);
  joins.hold("b", frame("3"), 5, 7);
  assert.deepEqual([joins.held, joins.heldBytes], [3, 25]);
  assert.equal(joins.countWhere((room) => room !== "a"), 1);
  assert.deepEqual(joins.end("a").map(({ frame }) => "id" in frame && frame.id), ["1", "2"]);
  assert.deepEqual([joins.size, joins.held, joins.has("a"), joins.has("b")], [1, 1, false, true]);
});

Deno.test("the number of waiting frames is bounded over all rooms", () => {
  const joins = new JoinQueue();
  joins.begin("a");
  joins.begin("b");
  for (let i = 0; i < MAX_FRAMES_BEFORE_JOIN; i++) {
    assert.ok(joins.hold(i % 2 ? "a" : "b", frame(String(i)), 1, 0));
  }
  assert.equal(joins.hold("a", frame("one more"), 1, 0), false);
  assert.equal(joins.end("a").length + joins.end("b").length, MAX_FRAMES_BEFORE_JOIN);
  assert.deepEqual([joins.held, joins.heldBytes], [0, 0]);
});
