/**
 * Many small rooms.
 *
 * @module
 */
import { type Ramp, ramp, runStep, type Step } from "../rate.ts";
import type { Target } from "../target.ts";
import { connectCrowd, sendInTurn } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The results of many small rooms. */
export interface ManyRooms {
  /** Rates that every target keeps up with, to compare latency and the CPU of a delivery. */
  steady: Step[];
  ramp: Ramp;
}

/** Measures many small rooms. Every member publishes in turn and receives acks. */
export async function manyRooms(
  target: Target,
  sizes: Sizes,
  options: {
    rooms: number;
    members: number;
    steady: number[];
    from: number;
    say: (step: Step) => void;
  },
): Promise<ManyRooms> {
  using crowd = await connectCrowd(target, options.rooms, options.members);
  const drive = sendInTurn(crowd, crowd.connections.length, true, sizes.seconds);
  const { from, say } = options;
  const steady: Step[] = [];
  for (const rate of options.steady) {
    const step = await runStep(drive, rate);
    say(step);
    steady.push(step);
  }
  return {
    steady,
    ramp: await ramp(drive, { from, factor: 1.25, bound: 50, maxSteps: sizes.maxSteps }, say),
  };
}
