/**
 * The cost of tracing: the same load without telemetry, and with one message in a hundred traced
 * and all metrics on. The two alternate, so both see the same machine conditions.
 *
 * @module
 */
import { runStep, type Step } from "./rate.ts";
import { connectCrowd, sendInTurn } from "./scenarios/crowd.ts";
import type { Sizes } from "./scenarios/sizes.ts";
import type { Target } from "./target.ts";

/** Nothing listens at the exporter's endpoint, which costs the same. */
const TRACED = {
  OTEL_DENO: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  TRACE_RATIO: "0.01",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
};

/** Rates that the server side keeps up with, and rates that overload it, messages per second. */
const RATES = { hot: { steady: 2_000, full: 7_000 }, many: { steady: 4_000, full: 14_000 } };

/**
 * The result of one load: CPU microseconds per delivery at the steady rate, and deliveries per
 * second at the full rate.
 */
interface Measured {
  cost: number;
  throughput: number;
}

/** The ratios with tracing to without: the median over the turns, and each turn. */
export interface Ratios {
  cost: number;
  throughput: number;
  turns: Measured[];
}

/** The cost of tracing for two loads. */
export interface Tracing {
  hotRoom: Ratios;
  manyRooms: Ratios;
}

/** Runs the comparison. `start` starts the target with environment variables. */
export async function tracing(
  start: (env?: Record<string, string>) => Promise<Target>,
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Tracing> {
  const measured = { hot: [] as Measured[], many: [] as Measured[] };
  for (let turn = 0; turn < sizes.tracingTurns; turn++) {
    const order = turn % 2 === 0 ? [{}, TRACED] : [TRACED, {}];
    const sides = new Map<object, Record<"hot" | "many", Measured>>();
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
      measured[name].push({
        cost: traced[name].cost / plain[name].cost,
        throughput: traced[name].throughput / plain[name].throughput,
      });
    }
  }
  return { hotRoom: toRatios(measured.hot), manyRooms: toRatios(measured.many) };
}

async function load(
  target: Target,
  rooms: number,
  members: number,
  rates: { steady: number; full: number },
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Measured> {
  using crowd = await connectCrowd(target, rooms, members);
  const speakers = rooms === 1 ? Math.min(10, members) : crowd.connections.length;
  const drive = sendInTurn(crowd, speakers, rooms > 1, sizes.seconds);
  const steady = await runStep(drive, rates.steady);
  say(steady);
  const full = await runStep(drive, rates.full);
  say(full);
  return {
    cost: Object.values(steady.cpu).reduce((sum, part) => sum + part, 0),
    throughput: full.deliveries,
  };
}

function toRatios(turns: Measured[]): Ratios {
  const median = (values: number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;
  return {
    cost: median(turns.map(({ cost }) => cost)),
    throughput: median(turns.map(({ throughput }) => throughput)),
    turns,
  };
}
