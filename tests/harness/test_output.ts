/**
 * Reads what `deno test` prints.
 *
 * @module
 */

/** How many tests passed, failed and were skipped. */
export type Counts = [passed: number, failed: number, skipped: number];

/** How many lines of each error {@link readErrors} keeps: a torture prints its whole story. */
const ERROR_LINES = 12;

/** Returns what a run counted; null when no test ran. */
export function readCounts(output: string): Counts | null {
  const counts = /(\d+) passed(?: \(\d+ steps?\))? \| (\d+) failed(?:.*?(\d+) ignored)?/.exec(
    output,
  );
  return counts && [Number(counts[1]), Number(counts[2]), Number(counts[3] ?? 0)];
}

/**
 * Returns the start of each error of a run that failed: the name of the test, and the first lines of what
 * it threw. Without any error, because the run itself broke off, the last lines that it printed.
 */
export function readErrors(output: string): string[] {
  const [, errors] = output.split("\n ERRORS \n");
  if (errors === undefined) return output.trimEnd().split("\n").slice(-ERROR_LINES);
  const [list] = errors.split("\n FAILURES \n");
  return list!.trim().split(/\n(?=.* => .*\.(?:ts|tsx|md)[^\s]*:\d+:\d+\n)/).flatMap((error) =>
    error.trim().split("\n").slice(0, ERROR_LINES)
  );
}
