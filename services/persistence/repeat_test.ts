import assert from "node:assert/strict";
import { createLogger } from "../kit/mod.ts";
import { until } from "../../tests/harness/wait.ts";
import { repeat } from "./repeat.ts";

function lines() {
  const kept: string[] = [];
  return { kept, log: createLogger("test", { write: (line) => void kept.push(line) }) };
}

Deno.test({
  name: "work is repeated without overlap, and stopping waits for the current run",
  sanitizeOps: true,
  async fn() {
    const { kept, log } = lines();
    let under = 0;
    let most = 0;
    let done = 0;
    const gates: PromiseWithResolvers<void>[] = [];
    const stop = repeat(1, "work", log, async () => {
      most = Math.max(most, ++under);
      const gate = Promise.withResolvers<void>();
      gates.push(gate);
      if (gates.length < 4) gate.resolve();
      await gate.promise;
      under--;
      done++;
    });
    await until("the fourth run", () => gates.length === 4);
    const stopped = stop();
    assert.equal(done, 3);
    gates[3]!.resolve();
    await stopped;
    assert.deepEqual([done, most, gates.length], [4, 1, 4]);
    assert.deepEqual(kept, []);
  },
});

Deno.test("a failure is logged once until the work succeeds again", async () => {
  const { kept, log } = lines();
  let times = 0;
  const stop = repeat(1, "work", log, () => {
    times++;
    return times === 4 ? Promise.resolve() : Promise.reject(new Error(`no ${times}`));
  });
  await until("another failure", () => times >= 7);
  await stop();
  assert.deepEqual(kept.map((line) => JSON.parse(line).error), ["no 1", "no 5"]);
});
