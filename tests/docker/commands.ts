/**
 * Runs other programs for the checks, with their output and a deadline.
 *
 * @module
 */

/** Prints a line. */
// deno-lint-ignore no-console
export const say = (line: string) => console.log(line);

/** How a program ended. */
export interface Ended {
  code: number;
  stdout: string;
  /** What it wrote to stdout and stderr. */
  output: string;
}

/** How long a program may run, milliseconds. The longest ones fetch packages and images. */
const DEADLINE_MS = 900_000;

/**
 * Runs a program and returns how it ended, even if it failed. `env` is added to the current
 * environment.
 */
export async function tryRun(
  [program, ...args]: readonly string[],
  env: Record<string, string> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(program!, {
    args,
    env,
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(DEADLINE_MS),
  }).output();
  const [out, error] = [stdout, stderr].map((bytes) => new TextDecoder().decode(bytes));
  return { code, stdout: out!.trim(), output: `${out}${error}`.trim() };
}

/**
 * Runs a program and returns its stdout.
 *
 * @throws {Error} if it does not exit with 0; the message contains its last lines
 */
export async function run(
  command: readonly string[],
  env: Record<string, string> = {},
): Promise<string> {
  const { code, stdout, output } = await tryRun(command, env);
  if (code !== 0) {
    throw new Error(`${command.join(" ")} ended with ${code}:\n${lastLines(output, 25)}`);
  }
  return stdout;
}

/** Returns the last lines of a text. */
export function lastLines(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).join("\n");
}
