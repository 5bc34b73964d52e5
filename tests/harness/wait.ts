/**
 * Waiting in tests: always for a condition, never for a time, and always with a deadline.
 *
 * @module
 */

/**
 * How long a test waits for anything that should take milliseconds. Generous, because CI machines
 * are shared.
 */
export const WAIT_DEADLINE_MS = 60_000;

/**
 * Polls until `probe` returns something other than undefined, null or false, and returns that.
 * Throws at the deadline, with the last result as cause. An error from `probe` counts as not yet.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  deadline = WAIT_DEADLINE_MS,
): Promise<T> {
  const end = performance.now() + deadline;
  let last: unknown;
  for (;;) {
    try {
      const value = await probe();
      if (value !== undefined && value !== null && value !== false) return value;
      last = value;
    } catch (error) {
      last = error;
    }
    if (performance.now() > end) {
      throw new Error(`timed out after ${deadline} ms waiting for ${what}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** Returns the value of a promise. At the deadline it throws an error that names `what`. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  deadline = WAIT_DEADLINE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`timed out after ${deadline} ms waiting for ${what}`)),
      deadline,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
