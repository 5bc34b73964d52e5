/**
 * The file of API keys in the data folder, and the key with which `deno task start` lets its user use the API.
 *
 * @module
 */
import { ALL_API_SCOPES, type ApiKey } from "../contract/mod.ts";
import { apiKeysText, createApiKey, hashApiKey, parseApiKeys } from "../kit/mod.ts";
import { readKept, writePrivateFile } from "./private_files.ts";

/** The id of the key for development. */
const DEV_ID = "dev";

/** The file in a data folder. */
export function apiKeysFile(folder: string): string {
  return `${folder}/api-keys.json`;
}

/**
 * Reads a file of keys; none if there is no such file.
 *
 * @throws {Error} if it is invalid
 */
export async function readApiKeys(file: string): Promise<ApiKey[]> {
  const text = await readKept(file);
  return text === undefined ? [] : parseApiKeys(text);
}

/** Replaces a file of keys in one step. */
export async function writeApiKeys(file: string, keys: readonly ApiKey[]): Promise<void> {
  await writePrivateFile(file, apiKeysText(keys));
}

/**
 * Returns the key for development, which may do everything. It is in `api-key` of the data folder, which only
 * its owner may read, and stays the same; it is made again if its entry or that file is missing.
 */
export async function developmentApiKey(folder: string): Promise<string> {
  const file = apiKeysFile(folder);
  const keys = await readApiKeys(file);
  const kept = await readKept(`${folder}/api-key`);
  const entry = keys.find(({ id }) => id === DEV_ID);
  if (kept !== undefined && entry?.hash === hashApiKey(kept)) return kept;
  const made = createApiKey({ id: DEV_ID, name: "development", scopes: [...ALL_API_SCOPES] });
  await writePrivateFile(`${folder}/api-key`, `${made.key}\n`);
  await writeApiKeys(file, [...keys.filter(({ id }) => id !== DEV_ID), made.entry]);
  return made.key;
}
