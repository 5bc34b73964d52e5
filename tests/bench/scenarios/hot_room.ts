/**
 * One room with many members.
 *
 * @module
 */
import { type Ramp, ramp, runStep, type Step } from "../rate.ts";
import type { Target } from "../target.ts";
import { connectCrowd, sendInTurn } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** The results of one room with many members. */
export interface HotRoom {
  quiet: Step;
  ramp: Ramp;
}

/** Measures one room in which ten members publish: first 50 messages per second, then a ramp. */
export async function hotRoom(
  target: Target,
  sizes: Sizes,
  options: { from: number; say: (step: Step) => void },
): Promise<HotRoom> {
  using crowd = await connectCrowd(target, 1, sizes.hotMembers);
  const drive = sendInTurn(crowd, Math.min(10, sizes.hotMembers), false, sizes.seconds);
  const quiet = await runStep(drive, 50);
  options.say(quiet);
  const { from, say } = options;
  return {
    quiet,
    ramp: await ramp(drive, { from, factor: 1.25, bound: 50, maxSteps: sizes.maxSteps }, say),
  };
}
