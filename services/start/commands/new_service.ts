/**
 * `deno task new-service NAME [--needs calls,listen,post]`: makes a folder services/NAME with a service that
 * runs, its test, and its entry in compose.yaml. With `--outside FOLDER` it makes one outside of this
 * repository, which has the kit as a package.
 *
 * @module
 */
import { isServiceNeed, SERVICE_NEEDS, type ServiceNeed } from "../../contract/mod.ts";
import { checkName, ConfigError } from "../../kit/mod.ts";
import { withComposeEntry } from "../own/compose_entry.ts";
import { newDeclaration, newFiles, USUAL } from "../own/new_files.ts";
import { makeOutside } from "../own/make_outside.ts";
import { takeOption } from "../options.ts";
import { printLine, printUsageError } from "../output.ts";

/** The exit code of sysexits(3) for wrong arguments. */
const EXIT_USAGE = 64;

const USAGE = `usage: deno task new-service NAME [--needs ${USUAL.join(",")}] [--outside FOLDER]`;

/** The root of the repository. */
const ROOT = new URL("../../../", import.meta.url);

/** What the command is asked for. */
interface Wanted {
  name: string;
  needs: readonly ServiceNeed[];
  /** The folder to make; one in services/ without it. */
  outside: string | undefined;
}

/**
 * Parses the arguments.
 *
 * @throws {ConfigError} if they are wrong
 */
export function wantedOf(args: readonly string[]): Wanted {
  const rest = [...args];
  let needs: readonly ServiceNeed[] = USUAL;
  const text = takeOption(rest, "--needs", USAGE, { mayBeEmpty: true });
  if (text !== undefined) {
    needs = text.split(",").map((need) => need.trim()).filter(Boolean).map(needOf);
  }
  const outside = takeOption(rest, "--outside", USAGE);
  const [name, ...others] = rest;
  if (name === undefined || others.length > 0 || name.startsWith("-")) throw new ConfigError(USAGE);
  checkName(name);
  return { name, needs: [...new Set(needs)], outside };
}

function needOf(text: string): ServiceNeed {
  if (isServiceNeed(text)) return text;
  const known = Object.entries(SERVICE_NEEDS).map(([need, about]) => `\n  ${need}: ${about}`);
  throw new ConfigError(`--needs: there is no ${JSON.stringify(text)}, but${known.join("")}`);
}

/** Makes the service. Nothing is written unless all of it can be. */
async function newService({ name, needs, outside }: Wanted): Promise<void> {
  if (outside !== undefined) {
    const made = await makeOutside(name, needs, outside);
    const where = made.map((file) => `${outside}/${file}`);
    printLine([...where, "", `${outside}/README.md says how it runs.`].join("\n"));
    return;
  }
  const folder = new URL(`services/${name}/`, ROOT);
  const taken = await Deno.lstat(folder).then(() => true, () => false);
  if (taken) throw new ConfigError(`services/${name} is there already`);
  const composeFile = new URL("compose.yaml", ROOT);
  const compose = withComposeEntry(
    await Deno.readTextFile(composeFile),
    newDeclaration(name, needs),
  );
  await Deno.mkdir(folder);
  const files = newFiles(name, needs);
  for (const [file, text] of Object.entries(files)) {
    await Deno.writeTextFile(new URL(file, folder), text);
  }
  await Deno.writeTextFile(composeFile, compose);
  const { success, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["fmt", "-q", folder.pathname],
    cwd: ROOT,
    stdout: "null",
  }).output();
  if (!success) throw new Error(new TextDecoder().decode(stderr));
  printLine(
    [
      ...Object.keys(files).map((file) => `services/${name}/${file}`),
      "compose.yaml: its entry",
      "",
      `deno test -A services/${name}   # its test, with a system of its own`,
      "deno task start   # runs it with everything else",
    ].join("\n"),
  );
}

if (import.meta.main) {
  try {
    await newService(wantedOf(Deno.args));
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    printUsageError(error.message);
    Deno.exit(EXIT_USAGE);
  }
}
