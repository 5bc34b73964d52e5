/** Ninety seconds of torture. The seed comes from the clock, so each run tries another schedule. */
import assert from "node:assert/strict";
import { describe } from "./judge.ts";
import { createRandom } from "./random.ts";
import { torture } from "./torture.ts";

Deno.test("equal seeds give equal schedules", () => {
  const draw = (seed: number) => {
    const random = createRandom(seed);
    return Array.from({ length: 5 }, () => random.between(0, 1_000));
  };
  assert.deepEqual(draw(7), draw(7));
  assert.notDeepEqual(draw(7), draw(8));
});

Deno.test("all guarantees hold through ninety seconds of torture", async () => {
  const seed = Math.floor(Date.now() / 1_000);
  const lines: string[] = [];
  const { verdict, counts } = await torture({
    seed,
    minutes: 1.5,
    say: (line) => lines.push(line),
  });
  assert.deepEqual(verdict, [], describe(seed, verdict, lines, counts));
  assert.ok(counts.acked! > 500 && counts.recovered! > 20, JSON.stringify(counts));
});
