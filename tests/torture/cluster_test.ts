/** Seventy-five seconds of torture on three nats-servers. The seed comes from the clock. */
import assert from "node:assert/strict";
import { torture } from "./torture.ts";

const MINUTES = 1.25;

Deno.test("all guarantees hold through the torture of a cluster", async () => {
  const seed = Math.floor(Date.now() / 1_000);
  const lines: string[] = [];
  const { verdict, counts } = await torture({
    seed,
    minutes: MINUTES,
    cluster: true,
    say: (line) => lines.push(line),
  });
  assert.deepEqual(verdict, [], `seed ${seed}\n${lines.join("\n")}\n${JSON.stringify(counts)}`);
  assert.ok(counts.acked! > 300 && counts.recovered! > 20, JSON.stringify(counts));
});
