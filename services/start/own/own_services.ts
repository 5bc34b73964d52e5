/**
 * Finds the services of one's own: the folders of services/ with a `declaration.ts`.
 *
 * @module
 */
import { checkDeclaration, ConfigError, type Declaration, errorText } from "../../kit/mod.ts";
import { KNOWN_VARIABLES } from "../variables.ts";

/** The folder with all services. */
const SERVICES_FOLDER = new URL("../../", import.meta.url);

/** The file in which a service says what it is. */
export const DECLARATION = "declaration.ts";

/**
 * Returns the declarations, in the order of their names.
 *
 * @throws {ConfigError} for the first one that is wrong; the message is one line and names the file
 */
export async function ownServices(folder: URL = SERVICES_FOLDER): Promise<Declaration[]> {
  const names: string[] = [];
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    if (isDirectory && await isFile(new URL(`${name}/${DECLARATION}`, folder))) names.push(name);
  }
  return await Promise.all(names.sort().map((name) => readDeclaration(folder, name)));
}

async function readDeclaration(folder: URL, name: string): Promise<Declaration> {
  const file = new URL(`${name}/${DECLARATION}`, folder);
  const wrong = (what: string) => new ConfigError(`services/${name}/${DECLARATION}: ${what}`);
  let declaration: unknown;
  try {
    ({ declaration } = await import(file.href));
  } catch (error) {
    throw wrong(errorText(error).split("\n")[0]!);
  }
  if (declaration === undefined) throw wrong('it exports no "declaration"');
  try {
    checkDeclaration(declaration);
  } catch (error) {
    throw wrong(errorText(error));
  }
  if (declaration.name !== name) {
    throw wrong(`name: expected that of the folder (got ${JSON.stringify(declaration.name)})`);
  }
  const taken = Object.keys(declaration.config).find((variable) => KNOWN_VARIABLES.has(variable));
  if (taken !== undefined) throw wrong(`config: ${taken} is a variable of Hopwire`);
  if (!await isFile(new URL(`${name}/main.ts`, folder))) {
    throw wrong("there is no main.ts beside it");
  }
  return declaration;
}

async function isFile(url: URL): Promise<boolean> {
  return await Deno.stat(url).then((stat) => stat.isFile, () => false);
}
