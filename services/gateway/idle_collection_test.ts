import assert from "node:assert/strict";
import type { Stats } from "./stats.ts";
import { createIdleCheck } from "./idle_collection.ts";

Deno.test("garbage is collected once, after many connections and while the gateway is idle", () => {
  const stats = { connections: { opened: 0 }, framesIn: 0, deliveries: 0 } as Stats;
  let collected = 0;
  const check = createIdleCheck(stats, () => collected++);
  stats.connections.opened = 999;
  for (let i = 0; i < 5; i++) check();
  assert.equal(collected, 0, "too few connections");
  stats.connections.opened = 1_000;
  stats.deliveries += 200;
  check();
  stats.framesIn += 200;
  check();
  assert.equal(collected, 0, "the gateway is busy");
  check();
  assert.equal(collected, 0, "idle for one interval only");
  check();
  assert.equal(collected, 1);
  for (let i = 0; i < 5; i++) check();
  assert.equal(collected, 1, "no connections since the last collection");
});
