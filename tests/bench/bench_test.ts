/** A small bench that checks that everything works. It does not measure speed. */
import assert from "node:assert/strict";
import { bench, type BenchOptions } from "./bench.ts";
import { PEERS } from "./peers.ts";
import { allowedCores } from "./processes.ts";
import { table, type TargetResults } from "./report.ts";
import { SCENARIOS } from "./runs.ts";
import { QUICK } from "./scenarios.ts";

/** Scenarios in which every part of a peer's wire protocol is used: the storms only repeat what these do. */
const OF_PEERS = ["many-rooms", "leave-return", "jitter", "catch-up"];

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

/** Checks what holds for every target. */
function check(name: string, results: TargetResults, lines: string[]): void {
  const { manyRooms, leaveReturn, jitter } = results;
  const text = `${name}\n${lines.join("\n")}`;
  assert.ok(manyRooms!.ramp.best.deliveries > 0, text);
  // A peer on a busy machine may deliver nothing within a step of one second.
  const measured = manyRooms!.steady.filter(({ p50 }) => Number.isFinite(p50));
  assert.ok(measured.length > 0 && measured.every(({ p50, p99 }) => p50 > 0 && p50 <= p99), text);
  assert.equal(leaveReturn!.back, 1, text);
  assert.ok(jitter!.cuts > 0 && jitter!.delivered > 0, text);
}

Deno.test("a short bench runs every scenario on Hopwire", async () => {
  const { results, lines } = await smallBench({
    peers: ["hopwire"],
    scenarios: SCENARIOS,
    sizes: QUICK,
  });
  const hopwire = results.hopwire!;
  check("hopwire", hopwire, lines);
  const { joinStorm, openStorm } = hopwire;
  assert.ok(joinStorm!.perSecond > 0 && openStorm!.joined === 1, lines.join("\n"));
  assert.notEqual(openStorm!.newcomerAfter, null, lines.join("\n"));
  const { hotRoom, manyRoomsLarge, storm, churn, overloadJoins, overloadMessages } = hopwire;
  assert.ok(hotRoom!.quiet.deliveries > 0, lines.join("\n"));
  assert.deepEqual(hotRoom!.quiet.lost, {});
  assert.ok(hotRoom!.quiet.p99 > 0 && hotRoom!.quiet.p50 <= hotRoom!.quiet.p99);
  assert.ok(manyRoomsLarge!.best.deliveries > 0 && storm!.perSecond > 0);
  assert.equal(hopwire.idle!.connections, QUICK.idle);
  assert.ok(overloadJoins!.capacity > 0 && overloadMessages!.capacity > 0);
  assert.equal(hopwire.jitter!.delivered, 1, lines.join("\n"));
  assert.ok(churn!.clients > QUICK.churning && churn!.rss.length > 10);
  assert.deepEqual(Object.keys(hopwire.idle!.groups).sort(), ["gateway", "nats", "services"]);
  assert.ok(hopwire.publish!.perSecond > 0);
  assert.equal(hopwire.catchUp!.wrong, 0);
  const { hotRoom: hot, manyRooms: many } = hopwire.traced!;
  for (const ways of [hot, many]) {
    for (const { ratios, ratio, cpu, full } of Object.values(ways)) {
      assert.equal(ratios.length, QUICK.tracingTurns);
      assert.ok(ratio > 0 && cpu.gateway! >= 0 && full.deliveries > 0 && full.cpu > 0);
    }
    assert.equal(ways.off.ratio, 1);
  }
  assert.match(table(results), /hot room: p99 at 50 msg\/s/);
});

Deno.test("a short bench runs its scenarios on the peers whose programs are there", async () => {
  const { results, lines } = await smallBench({
    peers: PEERS.filter((name) => name !== "hopwire"),
    scenarios: SCENARIOS.filter((name) => OF_PEERS.includes(name)),
    sizes: { ...QUICK, idleWait: 0.2 },
  });
  for (const [name, of] of Object.entries(results)) {
    check(name, of, lines);
    if (of.catchUp !== undefined) assert.equal(of.catchUp.wrong, 0, name);
  }
});
