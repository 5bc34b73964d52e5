/**
 * What telemetry costs: the same load without any, with metrics, and with metrics and 1 % or all of the
 * messages traced. They take turns, so that all see the same conditions of the machine.
 *
 * @module
 */
import { runStep, type Step } from "./rate.ts";
import { connectCrowd, sendInTurn } from "./scenarios/crowd.ts";
import type { Sizes } from "./scenarios/sizes.ts";
import type { Target } from "./target.ts";

/** Nothing listens at the exporter's endpoint, which costs the same. */
const traced = (ratio: string) => ({
  OTEL_DENO: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  TRACE_RATIO: ratio,
});

/** The ways to run: `off` is what the others are compared with. */
const WAYS = {
  off: {},
  metrics: traced("0"),
  "1 %": traced("0.01"),
  "100 %": traced("1"),
} as const satisfies Record<string, Record<string, string>>;
type Way = keyof typeof WAYS;
const COMPARED = ["metrics", "1 %", "100 %"] as const satisfies readonly Way[];

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

/** The ratios of one way to `off`: the median over the turns, and each turn. */
export interface Ratios {
  cost: number;
  throughput: number;
  turns: Measured[];
}

/** The cost of telemetry for one load, by way. */
export type WayRatios = Record<typeof COMPARED[number], Ratios>;

/** The cost of telemetry for two loads. */
export interface Tracing {
  hotRoom: WayRatios;
  manyRooms: WayRatios;
}

/** Runs the comparison. `start` starts the target with environment variables. */
export async function tracing(
  start: (env?: Record<string, string>) => Promise<Target>,
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Tracing> {
  const ways = Object.keys(WAYS) as Way[];
  const turns: Record<Way, Record<"hot" | "many", Measured>>[] = [];
  for (let turn = 0; turn < sizes.tracingTurns; turn++) {
    const measured: Partial<Record<Way, Record<"hot" | "many", Measured>>> = {};
    // Each turn begins with another one.
    for (let i = 0; i < ways.length; i++) {
      const way = ways[(i + turn) % ways.length]!;
      await using target = await start(WAYS[way]);
      measured[way] = {
        hot: await load(target, 1, sizes.hotMembers, RATES.hot, sizes, say),
        many: await load(target, sizes.rooms, sizes.roomMembers, RATES.many, sizes, say),
      };
    }
    turns.push(measured as Record<Way, Record<"hot" | "many", Measured>>);
  }
  const ratiosOf = (name: "hot" | "many") =>
    Object.fromEntries(COMPARED.map((way) => [
      way,
      toRatios(turns.map((turn) => ({
        cost: turn[way][name].cost / turn.off[name].cost,
        throughput: turn[way][name].throughput / turn.off[name].throughput,
      }))),
    ])) as WayRatios;
  return { hotRoom: ratiosOf("hot"), manyRooms: ratiosOf("many") };
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
