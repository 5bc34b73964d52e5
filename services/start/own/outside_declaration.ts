/**
 * Reads the declaration of a service outside of this repository. It imports the kit as a package of its own
 * folder, so a process of its own reads it, which has no permissions.
 *
 * @module
 */
import { checkDeclaration, ConfigError, type Declaration, errorText } from "../../kit/mod.ts";

/** How long that may take, milliseconds: the runtime may have to check and cache what it imports. */
const READ_MS = 60_000;

/** What it prints before the declaration, so that nothing else that is printed counts. */
const MARK = "declaration: ";

/**
 * Returns what a file says in its export `declaration`. Of `config`, whose schemas are those of another kit, the
 * names are not kept.
 *
 * @throws {ConfigError} if it cannot be read or is wrong; the message is one line and names the file
 */
export async function outsideDeclaration(file: string): Promise<Declaration> {
  const wrong = (what: string) => new ConfigError(`${file}: ${what}`);
  const path = await Deno.realPath(file).catch(() => {
    throw wrong("there is no such file");
  });
  const { success, stdout, stderr } = await run(path);
  if (!success) throw wrong(firstError(stderr));
  const line = stdout.split("\n").find((line) => line.startsWith(MARK));
  if (line === undefined) throw wrong('it exports no "declaration"');
  const { name, description, needs, hosts } = JSON.parse(line.slice(MARK.length));
  const declaration: unknown = { name, description, needs, hosts: hosts ?? [], config: {} };
  try {
    checkDeclaration(declaration);
  } catch (error) {
    throw wrong(errorText(error));
  }
  return declaration;
}

/** Runs the program that prints the declaration, in the folder of the file, whose packages it has. */
async function run(path: string): Promise<{ success: boolean; stdout: string; stderr: string }> {
  const at = path.lastIndexOf("/");
  const program = `import * as module from ${JSON.stringify(`.${path.slice(at)}`)};
const { declaration } = module;
if (declaration) {
  const { name, description, needs, hosts } = declaration;
  console.log(${JSON.stringify(MARK)} + JSON.stringify({ name, description, needs, hosts }));
}`;
  const child = new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "--no-prompt", "--no-lock", "--ext=ts", "-"],
    cwd: path.slice(0, at) || "/",
    env: { NO_COLOR: "1" },
    stdin: "piped",
    stdout: "piped",
    stderr: "piped",
    signal: AbortSignal.timeout(READ_MS),
  }).spawn();
  const writer = child.stdin.getWriter();
  // A process that has ended takes nothing; its output says why.
  await writer.write(new TextEncoder().encode(program)).catch(() => {});
  await writer.close().catch(() => {});
  const { success, stdout, stderr } = await child.output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { success, stdout: text(stdout), stderr: text(stderr) };
}

/** The line that says what is wrong, without where. */
function firstError(stderr: string): string {
  const lines = stderr.split("\n").map((line) => line.trim()).filter(Boolean);
  const line = lines.find((line) => /error/i.test(line)) ?? lines[0] ?? "it ended";
  return line.replace(/^error: (Uncaught )?(\(in promise\) )?/, "");
}
