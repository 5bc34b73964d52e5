/**
 * Reads the namespaces file that NAMESPACES_FILE names.
 *
 * @module
 */
import { type Namespace, parseNamespaces } from "../contract/mod.ts";
import { ConfigError } from "./config.ts";
import { errorText } from "./log.ts";

/**
 * Reads and parses a namespaces file. Returns an empty list if `file` is undefined.
 *
 * @throws {ConfigError} if the file cannot be read or is invalid; the message is one line that
 * names the variable
 */
export async function readNamespaces(file: string | undefined): Promise<Namespace[]> {
  if (file === undefined) return [];
  try {
    return parseNamespaces(await Deno.readTextFile(file));
  } catch (error) {
    throw new ConfigError(`NAMESPACES_FILE: ${file}: ${errorText(error)}`);
  }
}
