/**
 * Runs the scenarios against Hopwire and the baseline, one after the other on the same cores: the
 * whole server side on one core, the load on another.
 *
 * @module
 */
import { pin } from "./processes.ts";
import type { Step } from "./rate.ts";
import { stepLine, type TargetResults } from "./report.ts";
import * as run from "./scenarios.ts";
import {
  baselineMissing,
  prepareBaseline,
  startBaseline,
  startHopwire,
  type Target,
} from "./targets.ts";
import { tracing } from "./tracing.ts";

/** Every scenario, in execution order. */
export const SCENARIOS = [
  "hot-room",
  "many-rooms",
  "many-rooms-large",
  "idle",
  "storm",
  "publish",
  "catch-up",
  "tracing",
  "churn",
] as const;
export type Scenario = typeof SCENARIOS[number];

/** Options of {@link bench}. */
export interface BenchOptions {
  scenarios: readonly Scenario[];
  sizes: run.Sizes;
  baseline: boolean;
  serverCore: number;
  loadCore: number;
  say: (line: string) => void;
}

/**
 * The rates at which ramps start, messages per second. They differ by target because the limits are
 * far apart.
 */
const START_RATES: Record<string, { hot: number; many: number }> = {
  hopwire: { hot: 500, many: 4_000 },
  baseline: { hot: 75, many: 4_000 },
};

/**
 * Runs the scenarios. Returns the results by target: `hopwire`, and `baseline` if it is available.
 */
export async function bench(options: BenchOptions): Promise<Record<string, TargetResults>> {
  const { say, sizes } = options;
  await pin([Deno.pid], options.loadCore);
  const core = options.serverCore;
  const starts: Record<string, (env?: Record<string, string>) => Promise<Target>> = {
    hopwire: (env) => startHopwire({ core, env }),
  };
  let folder: string | undefined;
  if (options.baseline) {
    const missing = await baselineMissing();
    if (missing !== null) say(`no baseline: ${missing}`);
    else {
      const prepared = folder = await prepareBaseline();
      starts.baseline = () => startBaseline(prepared, { core });
    }
  }
  const results: Record<string, TargetResults> = {};
  try {
    for (const scenario of options.scenarios) {
      for (const [name, start] of Object.entries(starts)) {
        if (name === "baseline" && scenario === "tracing") continue;
        say(`\n${scenario}, ${name}`);
        await runScenario(scenario, name, start, results[name] ??= {}, sizes, say);
      }
    }
  } finally {
    if (folder !== undefined) await Deno.remove(folder, { recursive: true });
  }
  return results;
}

async function runScenario(
  scenario: Scenario,
  name: string,
  start: (env?: Record<string, string>) => Promise<Target>,
  results: TargetResults,
  sizes: run.Sizes,
  say: (line: string) => void,
): Promise<void> {
  const from = START_RATES[name]!;
  const sayStep = (step: Step) => say(stepLine(step));
  if (scenario === "tracing") {
    const { hotRoom, manyRooms } = results.traced = await tracing(start, sizes, sayStep);
    for (const [load, { cost, throughput }] of Object.entries({ hotRoom, manyRooms })) {
      say(`${load}, traced / plain: CPU ${cost.toFixed(3)}, deliveries/s ${throughput.toFixed(3)}`);
    }
    return;
  }
  await using target = await start();
  if (scenario === "hot-room") {
    results.hotRoom = await run.hotRoom(target, sizes, { from: from.hot, say: sayStep });
    return;
  }
  if (scenario === "many-rooms" || scenario === "many-rooms-large") {
    const [rooms, members] = scenario === "many-rooms"
      ? [sizes.rooms, sizes.roomMembers]
      : [sizes.manyRooms, 10];
    const ramp = await run.manyRooms(target, sizes, {
      rooms,
      members,
      from: scenario === "many-rooms" ? from.many : from.many / 2,
      say: sayStep,
    });
    if (scenario === "many-rooms") results.manyRooms = ramp;
    else results.manyRoomsLarge = ramp;
    return;
  }
  if (scenario === "idle") say(JSON.stringify(results.idle = await run.idle(target, sizes)));
  if (scenario === "storm") {
    say(JSON.stringify(results.storm = await run.connectStorm(target, sizes)));
  }
  if (scenario === "publish") {
    say(JSON.stringify(results.publish = await run.durablePublish(target, sizes)));
  }
  if (scenario === "churn") {
    say(JSON.stringify(results.churn = await run.churn(target, sizes)));
  }
  if (scenario === "catch-up") {
    say(JSON.stringify(results.catchUp = await run.catchUp(target, sizes)));
  }
}
