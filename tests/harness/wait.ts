/**
 * Waiting for things in tests: always for the thing itself, always with a deadline.
 *
 * @module
 */

/** How long a test waits for anything that should take milliseconds. Generous: CI is shared. */
export const PATIENCE_MS = 20_000;

/** Polls until `probe` gives something other than undefined, null or false; throws at the deadline. */
export async function until<T>(
  what: string,
  probe: () => T | undefined | null | false | Promise<T | undefined | null | false>,
  deadline = PATIENCE_MS,
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
      throw new Error(`waited ${deadline} ms in vain for ${what}`, { cause: last });
    }
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

/** The value of a promise, or an error that names what was waited for. */
export async function within<T>(
  what: string,
  promise: Promise<T>,
  deadline = PATIENCE_MS,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error(`waited ${deadline} ms in vain for ${what}`)),
      deadline,
    );
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}
