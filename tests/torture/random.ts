/**
 * Random numbers from a seed (mulberry32), so that a schedule can be repeated.
 *
 * @module
 */

/** A source of random numbers. */
export interface Random {
  /** Returns a number in [0, 1). */
  next(): number;
  /** Returns a whole number from `from` to `to`, both inclusive. */
  between(from: number, to: number): number;
  /** Returns a random item of a list. */
  pick<T>(list: readonly T[]): T;
}

/** Creates a source. Equal seeds give equal numbers. */
export function createRandom(seed: number): Random {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const between = (from: number, to: number) => from + Math.floor(next() * (to - from + 1));
  return { next, between, pick: (list) => list[between(0, list.length - 1)]! };
}
