/**
 * Many small rooms.
 *
 * @module
 */
import { type Ramp, ramp, type Step } from "../rate.ts";
import type { Target } from "../target.ts";
import { connectCrowd, sendInTurn } from "./crowd.ts";
import type { Sizes } from "./sizes.ts";

/** Measures many small rooms. Every member publishes in turn and receives acks. */
export async function manyRooms(
  target: Target,
  sizes: Sizes,
  options: { rooms: number; members: number; from: number; say: (step: Step) => void },
): Promise<Ramp> {
  using crowd = await connectCrowd(target, options.rooms, options.members);
  const drive = sendInTurn(crowd, crowd.connections.length, true, sizes.seconds);
  const { from, say } = options;
  return await ramp(drive, { from, factor: 1.25, bound: 50, maxSteps: sizes.maxSteps }, say);
}
