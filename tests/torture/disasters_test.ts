/**
 * One short run of each disaster, on whatever nats-server the tests run. The seed comes from the
 * clock.
 */
import assert from "node:assert/strict";
import { runDisaster } from "./disaster_run.ts";
import { DISASTERS, FAILING_DISASTERS } from "./disasters.ts";
import { describe } from "./judge.ts";

for (const disaster of DISASTERS) {
  if (FAILING_DISASTERS.has(disaster.name)) continue;
  Deno.test(`disaster: ${disaster.name}`, async () => {
    const seed = Math.floor(Date.now() / 1_000);
    const lines: string[] = [];
    const { verdict, counts } = await runDisaster(disaster, {
      seed,
      say: (line) => lines.push(line),
    });
    assert.deepEqual(verdict, [], describe(seed, verdict, lines, counts));
  });
}

Deno.test("each disaster that is left out is one of them", () => {
  const names = new Set(DISASTERS.map(({ name }) => name));
  for (const name of FAILING_DISASTERS) assert.ok(names.has(name), name);
});
