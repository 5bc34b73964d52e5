/**
 * What a target uses while nobody talks to it.
 *
 * @module
 */
import { type Usage, usageOf, usedPer } from "./processes.ts";
import type { Target } from "./target.ts";

/** Waits, then measures for `seconds`. Returns the share of a core by group of processes. */
export async function idleBurn(target: Target, wait: number, seconds: number): Promise<Usage> {
  await pause(wait);
  const before = usageOf(target.groups);
  const began = performance.now();
  await pause(seconds);
  return usedPer(before, usageOf(target.groups), (performance.now() - began) * 1_000);
}

function pause(seconds: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, seconds * 1_000));
}
