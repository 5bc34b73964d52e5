/**
 * What telemetry costs: the same load without any, with metrics, and with metrics and 1 % or all of the
 * messages traced. A system runs for each of these ways, and short steps of load go to one after the other,
 * many times, so that all see the same conditions of the machine. What counts is CPU time, of all processes
 * of a system, and the median of what the turns say.
 *
 * @module
 */
import { clock } from "./clock.ts";
import { type Drive, runStep, type Step } from "./rate.ts";
import { connectCrowd, type Crowd, sendInTurn } from "./scenarios/crowd.ts";
import type { Sizes } from "./scenarios/sizes.ts";
import { type Usage, usageOf } from "./processes.ts";
import type { Target } from "./target.ts";

/** Nothing listens at the exporter's endpoint, which costs the same. */
const traced = (ratio: string) => ({
  OTEL_DENO: "true",
  OTEL_TRACES_SAMPLER: "parentbased_traceidratio",
  OTEL_TRACES_SAMPLER_ARG: "1",
  OTEL_EXPORTER_OTLP_ENDPOINT: "http://127.0.0.1:9",
  OTEL_EXPORTER_OTLP_TIMEOUT: "1000",
  OTEL_METRIC_EXPORT_INTERVAL: "5000",
  OTEL_BSP_SCHEDULE_DELAY: "2500",
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
const NAMES = Object.keys(WAYS) as Way[];

/**
 * Rates that the server side keeps up with on half a core, and rates that overload it, messages per second.
 */
const RATES = { hot: { steady: 1_000, full: 7_000 }, many: { steady: 2_000, full: 14_000 } };
type Rates = Record<"steady" | "full", number>;

/** Measured seconds of a step. A second of warm-up comes before each. */
const STEADY_S = 1.5;
const FULL_S = 2;

/** What one way costs at one load. */
export interface Cost {
  /** CPU microseconds per message, by group of processes: the medians of the turns. */
  cpu: Usage;
  /** CPU time per message divided by that of `off`: the median of the turns, and each turn. */
  ratio: number;
  ratios: number[];
  /**
   * Beyond capacity: deliveries per second until the last message has arrived, and CPU microseconds per
   * message; the medians, and those of their ratios to `off`.
   */
  full: Record<keyof Burst, number>;
  fullRatio: Record<keyof Burst, number>;
}

/** What a burst beyond capacity tells. */
interface Burst {
  deliveries: number;
  cpu: number;
}

/** The costs of one load, by way. */
export type Costs = Record<Way, Cost>;

/** The cost of telemetry for two loads. */
export interface Tracing {
  hotRoom: Costs;
  manyRooms: Costs;
}

/** Runs the comparison. `start` starts a system with environment variables. */
export async function tracing(
  start: (env?: Record<string, string>) => Promise<Target>,
  sizes: Sizes,
  say: (step: Step) => void,
): Promise<Tracing> {
  await using systems = new AsyncDisposableStack();
  const targets = {} as Record<Way, Target>;
  for (const way of NAMES) targets[way] = systems.use(await start(WAYS[way]));
  const scaled = ({ steady, full }: Rates) => ({
    steady: steady * sizes.tracingLoad,
    full: full * sizes.tracingLoad,
  });
  const rates = { hot: scaled(RATES.hot), many: scaled(RATES.many) };
  return {
    hotRoom: await compare(targets, 1, sizes.hotMembers, rates.hot, sizes, say),
    manyRooms: await compare(targets, sizes.rooms, sizes.roomMembers, rates.many, sizes, say),
  };
}

async function compare(
  targets: Record<Way, Target>,
  rooms: number,
  members: number,
  rates: Rates,
  { tracingTurns, tracingFullTurns }: Sizes,
  say: (step: Step) => void,
): Promise<Costs> {
  using connected = new DisposableStack();
  const crowds = {} as Record<Way, Crowd>;
  for (const way of NAMES) {
    crowds[way] = connected.use(await connectCrowd(targets[way], rooms, members));
  }
  /** What each way does, in turns. Each turn begins with another way. */
  const turns = async <T>(count: number, seconds: number, run: (drive: Drive) => Promise<T>) => {
    const results: Record<Way, T>[] = [];
    for (let turn = 0; turn < count; turn++) {
      const one = {} as Record<Way, T>;
      for (let i = 0; i < NAMES.length; i++) {
        const way = NAMES[(i + turn) % NAMES.length]!;
        const speakers = rooms === 1 ? Math.min(10, members) : crowds[way].connections.length;
        one[way] = await run(sendInTurn(crowds[way], speakers, rooms > 1, seconds));
        // The clients of the others answer pings.
        for (const crowd of Object.values(crowds)) await answerPings(crowd);
      }
      results.push(one);
    }
    return results;
  };
  const steady = await turns(tracingTurns, STEADY_S, async (drive) => {
    const step = await runStep(drive, rates.steady);
    say(step);
    return step;
  });
  const full = await turns(tracingFullTurns, FULL_S, (drive) => burst(drive, rates.full));
  const ofFull = (of: (turn: Record<Way, Burst>, value: keyof Burst) => number) => ({
    deliveries: median(full.map((turn) => of(turn, "deliveries"))),
    cpu: median(full.map((turn) => of(turn, "cpu"))),
  });
  const costOf = (way: Way): Cost => {
    const ratios = steady.map((turn) => total(turn[way].cpu) / total(turn.off.cpu));
    const groups = Object.keys(steady[0]!.off.cpu);
    return {
      cpu: Object.fromEntries(
        groups.map((
          group,
        ) => [group, median(steady.map((turn) => turn[way].cpu[group]!)) * members]),
      ),
      ratio: median(ratios),
      ratios,
      full: ofFull((turn, value) => turn[way][value]),
      fullRatio: ofFull((turn, value) => turn[way][value] / turn.off[value]),
    };
  };
  return Object.fromEntries(NAMES.map((way) => [way, costOf(way)])) as Costs;
}

/** How long nothing may arrive before a burst counts as over, milliseconds: some messages were refused. */
const SILENCE_MS = 20_000;

/**
 * Sends more than the server side can take, and waits until nothing arrives any more. What is delivered while
 * a burst is still sent says little: the first seconds of it are spent on reading.
 */
async function burst(
  { swarm, target, send, seconds, fanOut }: Drive,
  rate: number,
): Promise<Burst> {
  const total = rate * seconds;
  const cpu = usageOf(target.groups);
  const [began, before] = [clock(), swarm.delivered];
  let n = 0;
  let [last, delivered] = [began, before];
  const done = () => {
    const now = clock();
    if (swarm.delivered > delivered) [last, delivered] = [now, swarm.delivered];
    const silent = n >= total && now - last > SILENCE_MS * 1_000;
    return silent || delivered - before >= total * fanOut;
  };
  await swarm.run("a burst", done, 120_000, () => {
    const due = Math.min(total, (clock() - began) * rate / 1_000_000);
    for (; n < due; n++) send(n, clock());
    return 1;
  });
  const used = usageOf(target.groups);
  const spent = Object.keys(used).reduce((sum, name) => sum + used[name]! - cpu[name]!, 0);
  const count = delivered - before;
  return { deliveries: count * 1_000_000 / (last - began), cpu: spent * fanOut / count };
}

/** Time for a few passes over the sockets of a crowd, milliseconds. */
const PINGS_MS = 20;

async function answerPings({ swarm }: Crowd): Promise<void> {
  const end = performance.now() + PINGS_MS;
  await swarm.run("pings", () => performance.now() >= end, 30_000);
}

function total(usage: Usage): number {
  return Object.values(usage).reduce((sum, part) => sum + part, 0);
}

function median(values: number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const half = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[half]! : (sorted[half - 1]! + sorted[half]!) / 2;
}

/** Returns a line for each load and way. */
export function tracingLines({ hotRoom, manyRooms }: Tracing): string[] {
  return Object.entries({ "hot room": hotRoom, "small rooms": manyRooms }).flatMap((
    [load, costs],
  ) =>
    NAMES.map((way) => {
      const { cpu, ratio, ratios, full, fullRatio } = costs[way];
      const parts = Object.entries(cpu).map(([name, used]) => `${name} ${used.toFixed(1)}`);
      const sorted = ratios.toSorted((a, b) => a - b);
      const quarter = sorted.length >> 2;
      const spread = `${sorted[quarter]!.toFixed(3)} to ${sorted.at(-1 - quarter)!.toFixed(3)}`;
      return `${load}, ${way}: CPU ${
        ratio.toFixed(3)
      } (middle half of the turns ${spread}), us a ` +
        `message: ${parts.join(", ")}; beyond capacity ${
          Math.round(full.deliveries)
        } deliveries/s, ` +
        `${fullRatio.deliveries.toFixed(3)}, CPU ${fullRatio.cpu.toFixed(3)}, ` +
        `${full.cpu.toFixed(1)} us a message`;
    })
  );
}
