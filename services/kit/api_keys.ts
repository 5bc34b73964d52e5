/**
 * API keys: how they are made, kept and recognised.
 *
 * A key is 256 bits from the system's generator of random numbers. The file keeps its SHA-256, which is right
 * for such a secret: slow hashes (bcrypt, Argon2) protect passwords, which can be guessed; nobody can try 2^256
 * keys, and a slow hash would let anybody keep the API busy with wrong ones.
 *
 * @module
 */
import { createHash, timingSafeEqual } from "node:crypto";
import { type ApiKey, ApiKeysFile, describeIssue } from "../contract/mod.ts";

const FORM = /^hw_([a-z0-9]{1,32})_[A-Za-z0-9_-]{43}$/;

/** Compared with where no key has the id, so that an unknown id takes as long as a wrong secret. */
const NO_KEY = new Uint8Array(32);

/** Makes a key: `hw_<id>_<secret>`. It is shown once; only its hash is kept. */
export function createApiKey(
  about: Omit<ApiKey, "id" | "hash" | "createdAt"> & { id?: string },
  now: number = Date.now(),
): { key: string; entry: ApiKey } {
  const { id = crypto.getRandomValues(new Uint8Array(6)).toHex(), ...rest } = about;
  const bytes = crypto.getRandomValues(new Uint8Array(32));
  const secret = bytes.toBase64({ alphabet: "base64url", omitPadding: true });
  const key = `hw_${id}_${secret}`;
  return { key, entry: { id, ...rest, hash: hashApiKey(key), createdAt: now } };
}

/** Returns the hash by which a key is kept: hexadecimal SHA-256. */
export function hashApiKey(key: string): string {
  return createHash("sha256").update(key).digest("hex");
}

/**
 * Returns the entry of a key, whether it has expired or not; undefined if there is none. The comparison takes
 * as long for every key.
 *
 * @example
 * ```ts
 * import { createApiKey, findApiKey } from "./api_keys.ts";
 * import assert from "node:assert/strict";
 * const { key, entry } = createApiKey({ name: "shop", scopes: ["publish"] });
 * const keys = new Map([[entry.id, entry]]);
 * assert.equal(findApiKey(keys, key), entry);
 * assert.equal(findApiKey(keys, `${key.slice(0, -2)}__`), undefined);
 * ```
 */
export function findApiKey(keys: ReadonlyMap<string, ApiKey>, key: string): ApiKey | undefined {
  const id = FORM.exec(key)?.[1];
  const entry = id === undefined ? undefined : keys.get(id);
  const expected = entry === undefined ? NO_KEY : Uint8Array.fromHex(entry.hash);
  const same = timingSafeEqual(createHash("sha256").update(key).digest(), expected);
  return same ? entry : undefined;
}

/**
 * Parses the text of a file of keys.
 *
 * @throws {Error} if the text is not JSON or breaks the schema; the message is one line
 */
export function parseApiKeys(text: string): ApiKey[] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    // Not the parser's message: it quotes the text.
    throw new Error("not JSON");
  }
  const parsed = ApiKeysFile.safeParse(value);
  if (!parsed.success) throw new Error(describeIssue(parsed.error));
  return parsed.data.keys;
}

/** Returns the text of a file of keys. */
export function apiKeysText(keys: readonly ApiKey[]): string {
  return `${JSON.stringify({ keys }, null, 2)}\n`;
}
