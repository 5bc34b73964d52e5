/** A small bench that checks that everything works. It does not measure speed. */
import assert from "node:assert/strict";
import { bench, type BenchOptions } from "./bench.ts";
import { PEERS } from "./peers.ts";
import { allowedCores } from "./processes.ts";
import { table, type TargetResults } from "./report.ts";
import { SCENARIOS } from "./runs.ts";
import { QUICK } from "./scenarios.ts";

const OF_HOPWIRE_ONLY = ["tracing"];

/** Runs a small bench, and gives all cores back to the tests that follow. */
async function smallBench(options: Pick<BenchOptions, "peers" | "scenarios" | "sizes">) {
  const cores = allowedCores();
  const lines: string[] = [];
  try {
    const results = await bench({
      ...options,
      install: false,
      serverCore: cores[0]!,
      loadCore: cores.at(-1)!,
      say: (line) => void lines.push(line),
    });
    return { results, lines };
  } finally {
    const args = ["-a", "-p", "-c", cores.join(","), String(Deno.pid)];
    await new Deno.Command("taskset", { args }).output();
  }
}

function check(name: string, results: TargetResults, lines: string[]): void {
  const { hotRoom, manyRooms, manyRoomsLarge, idle, storm, churn, joinStorm, openStorm } = results;
  const text = `${name}\n${lines.join("\n")}`;
  assert.ok(hotRoom!.quiet.deliveries > 0, text);
  assert.deepEqual(hotRoom!.quiet.lost, {}, name);
  assert.ok(hotRoom!.quiet.p99 > 0 && hotRoom!.quiet.p50 <= hotRoom!.quiet.p99, name);
  assert.ok(manyRooms!.ramp.best.deliveries > 0 && manyRoomsLarge!.best.deliveries > 0, text);
  assert.equal(idle!.connections, QUICK.idle);
  assert.ok(storm!.perSecond > 0 && joinStorm!.perSecond > 0, name);
  assert.equal(openStorm!.joined, 1, text);
  assert.notEqual(openStorm!.newcomerAfter, null, text);
  assert.ok(churn!.clients > QUICK.churning && churn!.rss.length > 10, text);
}

Deno.test("a short bench runs every scenario on Hopwire", async () => {
  const { results, lines } = await smallBench({
    peers: ["hopwire"],
    scenarios: SCENARIOS,
    sizes: QUICK,
  });
  const hopwire = results.hopwire!;
  check("hopwire", hopwire, lines);
  assert.deepEqual(Object.keys(hopwire.idle!.groups).sort(), ["gateway", "nats", "services"]);
  assert.ok(hopwire.publish!.perSecond > 0);
  assert.equal(hopwire.catchUp!.wrong, 0);
  const { hotRoom, manyRooms } = hopwire.traced!;
  for (const { turns, cost, throughput } of [hotRoom, manyRooms]) {
    assert.equal(turns.length, QUICK.tracingTurns);
    assert.ok(cost > 0 && throughput > 0);
  }
  assert.match(table(results), /hot room: p99 at 50 msg\/s/);
});

Deno.test("a short bench runs its scenarios on the peers whose programs are there", async () => {
  const { results, lines } = await smallBench({
    peers: PEERS.filter((name) => name !== "hopwire"),
    scenarios: SCENARIOS.filter((name) => !OF_HOPWIRE_ONLY.includes(name)),
    sizes: { ...QUICK, idleWait: 0.2 },
  });
  for (const [name, of] of Object.entries(results)) {
    check(name, of, lines);
    if (of.catchUp !== undefined) assert.equal(of.catchUp.wrong, 0, name);
  }
});
