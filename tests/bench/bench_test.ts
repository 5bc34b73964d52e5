/** A small bench that checks that everything works. It does not measure speed. */
import assert from "node:assert/strict";
import { bench, SCENARIOS } from "./bench.ts";
import { allowedCores } from "./processes.ts";
import { table } from "./report.ts";
import { QUICK } from "./scenarios.ts";
import { baselineMissing } from "./targets.ts";

Deno.test("a short bench delivers everything on both targets", async () => {
  const cores = allowedCores();
  const lines: string[] = [];
  try {
    const results = await bench({
      scenarios: SCENARIOS,
      sizes: QUICK,
      baseline: true,
      serverCore: cores[0]!,
      loadCore: cores.at(-1)!,
      say: (line) => void lines.push(line),
    });
    const expected = await baselineMissing() === null ? ["hopwire", "baseline"] : ["hopwire"];
    assert.deepEqual(Object.keys(results), expected);
    for (
      const [name, { hotRoom, manyRooms, manyRoomsLarge, idle, storm, publish, catchUp, churn }]
        of Object.entries(
          results,
        )
    ) {
      assert.equal(hotRoom!.quiet.keptUp, true, `${name}\n${lines.join("\n")}`);
      assert.deepEqual(hotRoom!.quiet.lost, {}, name);
      assert.ok(hotRoom!.quiet.p99 > 0 && hotRoom!.quiet.p50 <= hotRoom!.quiet.p99, name);
      assert.ok(manyRooms!.best.deliveries > 0, name);
      assert.ok(manyRoomsLarge!.best.deliveries > 0, name);
      assert.equal(idle!.connections, QUICK.idle);
      const groups = name === "hopwire" ? ["gateway", "nats", "services"] : ["gateway", "redis"];
      assert.deepEqual(Object.keys(idle!.groups).sort(), groups);
      assert.ok(storm!.perSecond > 0 && publish!.perSecond > 0, name);
      assert.equal(catchUp!.wrong, 0, name);
      assert.ok(churn!.clients > QUICK.churning && churn!.rss.length > 10, name);
    }
    const { hotRoom, manyRooms } = results.hopwire!.traced!;
    for (const { turns, cost, throughput } of [hotRoom, manyRooms]) {
      assert.equal(turns.length, QUICK.tracingTurns);
      assert.ok(cost > 0 && throughput > 0);
    }
    assert.match(table(results), /hot room: p99 at 50 msg\/s/);
  } finally {
    // Give all cores back to the tests that follow.
    const args = ["-a", "-p", "-c", cores.join(","), String(Deno.pid)];
    await new Deno.Command("taskset", { args }).output();
  }
});
