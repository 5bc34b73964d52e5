/**
 * Reads the rules of rooms from the file that NAMESPACES_FILE names.
 *
 * @module
 */
import { type Namespace, parseNamespaces } from "../contract/mod.ts";
import { ConfigError } from "./config.ts";
import { errorText } from "./log.ts";

/**
 * The rules; none where no file is named.
 *
 * @throws {ConfigError} when the file is not to be read or is wrong; one line that names the variable
 */
export async function readNamespaces(file: string | undefined): Promise<Namespace[]> {
  if (file === undefined) return [];
  try {
    return parseNamespaces(await Deno.readTextFile(file));
  } catch (error) {
    throw new ConfigError(`NAMESPACES_FILE: ${file}: ${errorText(error)}`);
  }
}
