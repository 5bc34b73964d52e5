/**
 * Other languages that examples are written in: what runs them on this machine, if there is any.
 *
 * @module
 */
import { ROOT } from "./root.ts";

/** How a program is run, or why it cannot be. */
export type Runner = { command: string; args: string[] } | { missing: string };

/** The release of the `nats` CLI that tests run. */
const NATS_CLI = "github.com/nats-io/natscli/nats@v0.5.0";

/** How long a build may take, milliseconds. That of the `nats` CLI takes two minutes of CPU at first. */
const BUILD_MS = 480_000;

async function succeeds(
  command: string,
  args: string[],
  cwd = ROOT,
  env: Record<string, string> = {},
): Promise<string | true> {
  const signal = AbortSignal.timeout(BUILD_MS);
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args,
      cwd,
      env,
      signal,
      stdout: "null",
      stderr: "piped",
    }).output();
    if (signal.aborted) return `${command} took longer than ${BUILD_MS / 1_000} s`;
    return success || new TextDecoder().decode(stderr).trim().split("\n").at(-1)!.slice(0, 200);
  } catch {
    return `there is no ${command}`;
  }
}

/**
 * Returns what runs a Python program of a folder with a `requirements.txt`. Installs the packages into a
 * virtual environment in `.data/` if the installed Python does not have them.
 */
export async function pythonFor(folder: string, file: string, modules: string[]): Promise<Runner> {
  const imports = ["-c", `import ${modules.join(", ")}`];
  if (await succeeds("python3", imports) === true) {
    return { command: "python3", args: [`${folder}/${file}`] };
  }
  const environment = `${ROOT}.data/python-examples`;
  const python = `${environment}/bin/python`;
  if (await succeeds(python, imports) !== true) {
    const made = await succeeds("python3", ["-m", "venv", environment]);
    if (made !== true) return { missing: made };
    const requirements = `${folder}/requirements.txt`;
    const got = await succeeds(python, ["-m", "pip", "install", "-q", "-r", requirements]);
    if (got !== true) return { missing: `its packages cannot be installed: ${got}` };
  }
  return { command: python, args: [`${folder}/${file}`] };
}

/** Builds a Go program, and returns what runs it. */
export async function goFor(folder: string): Promise<Runner> {
  const binary = `${ROOT}.data/go-examples/${folder.replaceAll("/", "-")}`;
  const built = await succeeds("go", ["build", "-o", binary, "."], `${ROOT}${folder}`);
  return built === true ? { command: binary, args: [] } : { missing: built };
}

/** Builds the `nats` CLI unless it is there, and returns what runs it. */
export async function natsCli(): Promise<Runner> {
  const folder = `${ROOT}.data/go-tools/${NATS_CLI.split("@")[1]}`;
  const binary = `${folder}/nats`;
  if (await succeeds(binary, ["--version"]) === true) return { command: binary, args: [] };
  const built = await succeeds("go", ["install", NATS_CLI], ROOT, { GOBIN: folder });
  return built === true ? { command: binary, args: [] } : { missing: built };
}
