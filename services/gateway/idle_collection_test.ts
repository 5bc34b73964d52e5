import assert from "node:assert/strict";
import type { Stats } from "./stats.ts";
import { createIdleCheck } from "./idle_collection.ts";

Deno.test("memory is given back once, after many have come and while nobody speaks", () => {
  const stats = { connected: 0, framesIn: 0, deliveries: 0 } as Stats;
  let collected = 0;
  const look = createIdleCheck(stats, () => collected++);
  stats.connected = 999;
  for (let i = 0; i < 5; i++) look();
  assert.equal(collected, 0, "few have come");
  stats.connected = 1_000;
  stats.deliveries += 200;
  look();
  stats.framesIn += 200;
  look();
  assert.equal(collected, 0, "somebody speaks");
  look();
  assert.equal(collected, 0, "it has been quiet for one look");
  look();
  assert.equal(collected, 1);
  for (let i = 0; i < 5; i++) look();
  assert.equal(collected, 1, "nobody has come since");
});
