/**
 * Waits that end.
 *
 * @module
 */

/**
 * Resolves or rejects as `promise` does, if it does so within `ms` milliseconds; otherwise rejects with
 * what `late` returns. The promise itself goes on.
 */
export async function withDeadline<T>(
  promise: Promise<T>,
  ms: number,
  late: () => Error,
): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(late()), ms);
  });
  try {
    return await Promise.race([promise, deadline]);
  } finally {
    clearTimeout(timer);
  }
}
