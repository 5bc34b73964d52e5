/**
 * What tracing costs: the same load without telemetry and with one message in a hundred traced and
 * all metrics on, by turns, so that both have the same machine.
 *
 * @module
 */
import { runStep, type Step } from "./rate.ts";
import { connectCrowd, sendInTurn } from "./scenarios/crowd.ts";
import type { Sizes } from "./scenarios/sizes.ts";
import type { Target } from "./targets.ts";

/** Nobody listens at the exporter's end, which costs as much. */
const TRACED = {
  OTEL_DENO: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  TRACE_RATIO: "0.01",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
};

/** Messages a second that are kept up with, and that are too many. */
const RATES = { hot: { steady: 2_000, full: 7_000 }, many: { steady: 4_000, full: 14_000 } };

/** What one load showed: CPU microseconds a delivery at the steady rate, deliveries a second at the full. */
interface Shown {
  cost: number;
  most: number;
}

/** With tracing as a part of without, the median of the turns and each. */
export interface Ratios {
  cost: number;
  most: number;
  turns: Shown[];
}

/** See the module's doc. */
export interface Tracing {
  hotRoom: Ratios;
  manyRooms: Ratios;
}

/** Runs it. `start` starts the target with variables. */
export async function tracing(
  start: (env?: Record<string, string>) => Promise<Target>,
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Tracing> {
  const shown = { hot: [] as Shown[], many: [] as Shown[] };
  for (let turn = 0; turn < sizes.tracingTurns; turn++) {
    const order = turn % 2 === 0 ? [{}, TRACED] : [TRACED, {}];
    const sides = new Map<object, Record<"hot" | "many", Shown>>();
    for (const env of order) {
      await using target = await start(env);
      sides.set(env, {
        hot: await load(target, 1, sizes.hotMembers, RATES.hot, sizes, say),
        many: await load(target, sizes.rooms, sizes.roomMembers, RATES.many, sizes, say),
      });
    }
    const traced = sides.get(TRACED)!;
    const plain = sides.get(order.find((env) => env !== TRACED)!)!;
    for (const name of ["hot", "many"] as const) {
      shown[name].push({
        cost: traced[name].cost / plain[name].cost,
        most: traced[name].most / plain[name].most,
      });
    }
  }
  return { hotRoom: ratiosOf(shown.hot), manyRooms: ratiosOf(shown.many) };
}

async function load(
  target: Target,
  rooms: number,
  members: number,
  rates: { steady: number; full: number },
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Shown> {
  using crowd = await connectCrowd(target, rooms, members);
  const speakers = rooms === 1 ? Math.min(10, members) : crowd.connections.length;
  const drive = sendInTurn(crowd, speakers, rooms > 1, sizes.seconds);
  const steady = await runStep(drive, rates.steady);
  say(steady);
  const full = await runStep(drive, rates.full);
  say(full);
  return {
    cost: Object.values(steady.cpu).reduce((sum, part) => sum + part, 0),
    most: full.deliveries,
  };
}

function ratiosOf(turns: Shown[]): Ratios {
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  return {
    cost: median(turns.map(({ cost }) => cost)),
    most: median(turns.map(({ most }) => most)),
    turns,
  };
}
