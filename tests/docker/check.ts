/**
 * The checks of `deno task docker`: runs each, prints its result, and counts failures.
 *
 * @module
 */
import { say } from "./commands.ts";

let failed = 0;

/** How many checks have failed. */
export const failures = (): number => failed;

/** Runs a check and prints its result. Returns whether it passed. */
export async function check(what: string, body: () => Promise<void>): Promise<boolean> {
  const began = performance.now();
  try {
    await body();
    say(`PASS  ${what} (${((performance.now() - began) / 1_000).toFixed(1)} s)`);
    return true;
  } catch (error) {
    failed++;
    const { message, cause } = error as Error;
    say(
      `FAIL  ${what}\n${message}${cause === undefined ? "" : `\n${cause}`}`.replaceAll(
        "\n",
        "\n      ",
      ),
    );
    return false;
  }
}
