import assert from "node:assert/strict";
import { Violations } from "./violations.ts";

Deno.test("a hundred refused frames within a minute are too many, and older ones are forgotten", () => {
  const violations = new Violations(0);
  for (let i = 1; i < 100; i++) assert.equal(violations.add(1_000), false);
  assert.equal(violations.add(61_000), false);
  for (let i = 2; i < 100; i++) assert.equal(violations.add(61_000), false);
  assert.equal(violations.add(61_000), true);
});
