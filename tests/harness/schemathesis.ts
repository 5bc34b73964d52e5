/**
 * Schemathesis, which tries an API against its OpenAPI document: from PyPI, in a folder of its own.
 *
 * @module
 */
import { ROOT } from "./root.ts";

/** The release that is used. */
const VERSION = "4.32.5";

const FOLDER = `${ROOT}.data/runtimes/schemathesis-${VERSION}`;

/** How long an installation may take, milliseconds. It has about 20 MB. */
const INSTALL_MS = 180_000;

/** What a program printed. */
export interface Ran {
  success: boolean;
  text: string;
}

/** Runs a program for `deadline` milliseconds at most. */
export async function runProgram(
  command: string,
  args: readonly string[],
  options: { deadline: number; cwd?: string },
): Promise<Ran> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    cwd: options.cwd,
    env: { NO_COLOR: "1", PIP_DISABLE_PIP_VERSION_CHECK: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(options.deadline),
  }).output();
  const decoder = new TextDecoder();
  return { success, text: decoder.decode(stdout) + decoder.decode(stderr) };
}

/**
 * Returns the path of Schemathesis. Installs it if it is missing. Returns null where that is impossible, after
 * reporting the reason with `say`.
 */
export async function findSchemathesis(say: (line: string) => void): Promise<string | null> {
  const program = `${FOLDER}/bin/schemathesis`;
  if (await Deno.stat(program).then(() => true, () => false)) return program;
  const deadline = INSTALL_MS;
  const pip = ["install", "-q", "--retries", "1", "--timeout", "10", `schemathesis==${VERSION}`];
  try {
    await Deno.mkdir(FOLDER, { recursive: true });
    for (
      const [command, args] of [
        ["python3", ["-m", "venv", FOLDER]],
        [`${FOLDER}/bin/pip`, pip],
      ] as const
    ) {
      const { success, text } = await runProgram(command, args, { deadline });
      if (!success) throw new Error(text.trim().split("\n").at(-1));
    }
    return program;
  } catch (error) {
    say(
      `Schemathesis ${VERSION} cannot be installed, so it is not run: ${(error as Error).message}`,
    );
    await Deno.remove(FOLDER, { recursive: true }).catch(() => {});
    return null;
  }
}
