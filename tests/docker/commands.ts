/**
 * Running other programs from the checks: with what they said, and within a time.
 *
 * @module
 */

// deno-lint-ignore no-console
export const say = (line: string) => console.log(line);

/** How a program ended. */
export interface Ended {
  code: number;
  stdout: string;
  /** What it wrote to both, for people. */
  output: string;
}

/** How long a program may run, milliseconds: the longest fetches packages and images. */
const DEADLINE_MS = 900_000;

/** Runs a program to its end, whatever that is. `env` is added to our own. */
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
 * Runs a program and gives what it wrote to stdout.
 *
 * @throws {Error} when it does not end with 0; the message has its last lines
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

/** The end of a text. */
export function lastLines(text: string, count: number): string {
  return text.trim().split("\n").slice(-count).join("\n");
}
