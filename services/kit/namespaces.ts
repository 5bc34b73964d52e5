/**
 * Reads the namespaces file that NAMESPACES_FILE names.
 *
 * @module
 */
import { type Namespace, parseNamespaces } from "../contract/mod.ts";
import { ConfigError } from "./config.ts";
import { errorText } from "./log.ts";
import { readText } from "./runtime.ts";

/**
 * Reads and parses a namespaces file. Returns an empty list if `file` is undefined.
 *
 * @throws {ConfigError} if the file cannot be read or is invalid; the message is one line that
 * names the variable
 */
// deno-lint-ignore require-await
export async function readNamespaces(file: string | undefined): Promise<Namespace[]> {
  if (file === undefined) return [];
  try {
    return parseNamespaces(readText(file));
  } catch (error) {
    throw new ConfigError(`NAMESPACES_FILE: ${file}: ${errorText(error)}`);
  }
}
