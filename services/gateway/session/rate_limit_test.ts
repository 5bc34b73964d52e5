import assert from "node:assert/strict";
import { RateLimit } from "./rate_limit.ts";

Deno.test("a burst is allowed, then the steady rate", () => {
  // One frame every 8 ms.
  const limit = new RateLimit(125, 5, 0);
  for (let i = 0; i < 5; i++) assert.equal(limit.take(0), 0);
  assert.equal(limit.take(0), 8);
  assert.equal(limit.take(4), 4);
  assert.equal(limit.take(8), 0);
  assert.equal(limit.take(8), 8);
});

Deno.test("a long pause refills no more than the burst", () => {
  const limit = new RateLimit(1_000, 3, 0);
  for (let i = 0; i < 3; i++) assert.equal(limit.take(1_000_000), 0);
  assert.ok(limit.take(1_000_000) > 0);
});
