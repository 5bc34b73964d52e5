/**
 * How each scenario runs: on which processes, against which peers, and what it says.
 *
 * @module
 */
import type { Peer } from "./peers.ts";
import { stepLine, summary, type TargetResults } from "./report.ts";
import * as run from "./scenarios.ts";
import type { Target } from "./target.ts";
import { tracing, tracingLines } from "./tracing.ts";

/** Every scenario, in execution order. */
export const SCENARIOS = [
  "hot-room",
  "many-rooms",
  "many-rooms-large",
  "idle",
  "storm",
  "join-storm",
  "open-storm",
  "leave-return",
  "overload-joins",
  "overload-messages",
  "jitter",
  "publish",
  "catch-up",
  "tracing",
  "churn",
] as const;
export type Scenario = typeof SCENARIOS[number];

/** What a run gets. */
interface Context {
  results: TargetResults;
  sizes: run.Sizes;
  say: (line: string) => void;
}

/** How a scenario runs. */
export interface Run {
  /** The number of processes that accept clients; 1 by default. */
  gateways?: number;
  /** Whether the server side and the load share all cores. */
  shared?: boolean;
  /** Returns why a peer does not take part, or null. */
  skips?(peer: Peer, sizes: run.Sizes): string | null;
  /** Runs against a target. */
  on(context: Context & { target: Target }): Promise<void>;
  /** Runs a scenario that starts its targets itself. */
  alone?(context: Context & { start: Start }): Promise<void>;
}

type Start = (env?: Record<string, string>) => Promise<Target>;

/** The largest number of clients of one process, which may open 20,000 files. */
const PROCESS_CLIENTS = 18_000;

/** The rate at which the hot room's ramp starts, messages per second: the limits are far apart. */
const hotStart = (target: Target) => target.name === "hopwire" ? 500 : 75;

/** The rates of many rooms, messages per second: two to compare, and where the ramp starts. */
const [MANY_STEADY, MANY_START] = [[500, 4_000], 5_000];
const LARGE_START = 1_000;

const storesNothing = (peer: Peer) => peer.stores ? null : "it stores nothing";

/** Each scenario's run. */
export const RUNS: Record<Scenario, Run> = {
  "hot-room": {
    async on({ target, results, sizes, say }) {
      results.hotRoom = await run.hotRoom(target, sizes, {
        from: hotStart(target),
        say: (step) => say(stepLine(step)),
      });
    },
  },
  "many-rooms": {
    async on({ target, results, sizes, say }) {
      const { rooms, roomMembers: members } = sizes;
      const [steady, from] = [MANY_STEADY, MANY_START];
      const options = { rooms, members, steady, from, say: sayStep(say) };
      results.manyRooms = await run.manyRooms(target, sizes, options);
    },
  },
  "many-rooms-large": {
    async on({ target, results, sizes, say }) {
      const { ramp } = await run.manyRooms(target, sizes, {
        rooms: sizes.manyRooms,
        members: 10,
        steady: [],
        from: LARGE_START,
        say: sayStep(say),
      });
      results.manyRoomsLarge = ramp;
    },
  },
  "idle": {
    async on({ target, results, sizes, say }) {
      say(JSON.stringify(results.idle = await run.idle(target, sizes)));
    },
  },
  "storm": {
    async on({ target, results, sizes, say }) {
      say(summary(results.storm = await run.connectStorm(target, sizes)));
    },
  },
  "join-storm": {
    async on({ target, results, sizes, say }) {
      say(summary(results.joinStorm = await run.joinStorm(target, sizes)));
    },
  },
  "open-storm": {
    gateways: 5,
    shared: true,
    skips: ({ scales }, { openStorm }) =>
      scales || openStorm <= PROCESS_CLIENTS
        ? null
        : `one process cannot hold ${openStorm} clients, and it has no other`,
    async on({ target, results, sizes, say }) {
      say(summary(results.openStorm = await run.openStorm(target, sizes)));
    },
  },
  "leave-return": {
    async on({ target, results, sizes, say }) {
      say(summary(results.leaveReturn = await run.leaveReturn(target, sizes)));
    },
  },
  "overload-joins": {
    async on({ target, results, sizes, say }) {
      say(summary(results.overloadJoins = await run.overloadJoins(target, sizes)));
    },
  },
  "overload-messages": {
    async on({ target, results, sizes, say }) {
      say(summary(results.overloadMessages = await run.overloadMessages(target, sizes)));
    },
  },
  "jitter": {
    async on({ target, results, sizes, say }) {
      say(summary(results.jitter = await run.jitter(target, sizes)));
    },
  },
  "publish": {
    skips: storesNothing,
    async on({ target, results, sizes, say }) {
      say(summary(results.publish = await run.durablePublish(target, sizes)));
    },
  },
  "catch-up": {
    skips: storesNothing,
    async on({ target, results, sizes, say }) {
      say(summary(results.catchUp = await run.catchUp(target, sizes)));
    },
  },
  "tracing": {
    skips: ({ name }) => name === "hopwire" ? null : "it measures Hopwire's telemetry",
    on: () => Promise.resolve(),
    async alone({ start, results, sizes, say }) {
      results.traced = await tracing(start, sizes, sayStep(say));
      for (const line of tracingLines(results.traced)) say(line);
    },
  },
  "churn": {
    async on({ target, results, sizes, say }) {
      say(JSON.stringify(results.churn = await run.churn(target, sizes)));
    },
  },
};

function sayStep(say: (line: string) => void) {
  return (step: Parameters<typeof stepLine>[0]) => say(stepLine(step));
}
