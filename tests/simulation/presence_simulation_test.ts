import assert from "node:assert/strict";
import { simulatePresence } from "./presence_simulation.ts";

/** Schedules in the tests. `deno task simulate` runs as many as one likes. */
const SCHEDULES = 150;

Deno.test(`presence agrees after each of ${SCHEDULES} simulated storms`, async () => {
  let [messages, kills, facts] = [0, 0, 0];
  for (let seed = 1; seed <= SCHEDULES; seed++) {
    const result = await simulatePresence(seed);
    assert.deepEqual(result.faults, [], `seed ${seed}`);
    messages += result.messages;
    kills += result.kills;
    facts += result.facts;
  }
  // The simulation does what it claims to do.
  assert.ok(kills > SCHEDULES && facts > SCHEDULES && messages > 1_000 * SCHEDULES);
});

Deno.test("a seed decides everything", async () => {
  assert.deepEqual(await simulatePresence(7), await simulatePresence(7));
});
