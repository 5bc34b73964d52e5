/**
 * Values by step of the window. A step is a whole number that grows with time; a ring keeps the last
 * ones and forgets the others without being told. No I/O.
 *
 * @module
 */

/** The last values of something, by step. */
export interface Ring<T> {
  /** Returns the value of a step; undefined if it has none or is too old. */
  get(step: number): T | undefined;
  /** Sets the value of a step. */
  set(step: number, value: T): void;
}

/** Creates a ring that keeps `size` steps. */
export function createRing<T>(size: number): Ring<T> {
  const values: (T | undefined)[] = [];
  const steps: number[] = [];
  return {
    get: (step) => steps[step % size] === step ? values[step % size] : undefined,
    set(step, value) {
      values[step % size] = value;
      steps[step % size] = step;
    },
  };
}
