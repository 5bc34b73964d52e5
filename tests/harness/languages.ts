/**
 * Other languages that examples are written in: what runs them on this machine, if there is any.
 *
 * @module
 */
import { ROOT } from "./root.ts";

/** How a program is run, or why it cannot be. */
export type Runner = { command: string; args: string[] } | { missing: string };

async function succeeds(command: string, args: string[], cwd = ROOT): Promise<string | true> {
  try {
    const { success, stderr } = await new Deno.Command(command, {
      args,
      cwd,
      stdout: "null",
      stderr: "piped",
    }).output();
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
