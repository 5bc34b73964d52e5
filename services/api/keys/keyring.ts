/**
 * The keys that the API knows: those of the file of API_KEYS_FILE, which it reads again when it has changed.
 *
 * @module
 */
import type { ApiKey } from "../../contract/mod.ts";
import {
  ConfigError,
  errorText,
  FaultError,
  findApiKey,
  type Logger,
  parseApiKeys,
} from "../../kit/mod.ts";

/** How often the file is looked at, milliseconds. A revoked key works that long at most. */
const CHECK_MS = 1_000;

/** The keys. */
export interface Keyring {
  /**
   * Returns the key of an `Authorization` header.
   *
   * @throws {FaultError} `unauthorized` if there is none, or it is unknown or has expired
   */
  authenticate(authorization: string | undefined): ApiKey;
  /** How many keys there are, also expired ones. */
  readonly size: number;
  /** Stops looking at the file. */
  close(): void;
}

/**
 * Reads the keys. A file that does not exist holds none. One that turns invalid later is reported, and the keys
 * stay as they were.
 *
 * @throws {ConfigError} if the file cannot be read or is invalid
 */
export function createKeyring(
  file: string | undefined,
  log: Logger,
  options: { now?: () => number; checkMs?: number } = {},
): Keyring {
  const { now = Date.now, checkMs = CHECK_MS } = options;
  let keys: ReadonlyMap<string, ApiKey> = new Map();
  let seen = "";
  let problem = "";

  /** Reads the file if it has changed. Returns whether it has. */
  const check = (): boolean => {
    if (file === undefined) return false;
    const version = versionOf(file);
    if (version === seen) return false;
    const list = version === "" ? [] : parseApiKeys(Deno.readTextFileSync(file));
    keys = new Map(list.map((key) => [key.id, key]));
    // Only now: what could not be read, for want of a file descriptor for example, is read again.
    seen = version;
    return true;
  };
  try {
    check();
  } catch (error) {
    throw new ConfigError(`API_KEYS_FILE: ${file}: ${errorText(error)}`);
  }
  const timer = setInterval(() => {
    try {
      if (check()) log.info("read the API keys again", { keys: keys.size });
      problem = "";
    } catch (error) {
      const text = errorText(error);
      if (text !== problem) {
        log.error("cannot read the API keys, the old ones stay", { file, error: text });
      }
      problem = text;
    }
  }, checkMs);
  Deno.unrefTimer(timer);

  return {
    authenticate(authorization) {
      const given = /^Bearer +(\S+) *$/i.exec(authorization ?? "")?.[1];
      if (given === undefined) {
        throw new FaultError("unauthorized", "send an API key as Authorization: Bearer");
      }
      const key = findApiKey(keys, given);
      if (key === undefined) throw new FaultError("unauthorized", "unknown API key");
      if (key.expiresAt !== undefined && key.expiresAt <= now()) {
        throw new FaultError("unauthorized", "the API key has expired");
      }
      return key;
    },
    get size() {
      return keys.size;
    },
    close: () => clearInterval(timer),
  };
}

/** Tells versions of a file apart; empty if there is none. A file that is replaced has another inode. */
function versionOf(file: string): string {
  try {
    const { mtime, size, ino } = Deno.statSync(file);
    return `${mtime?.getTime()} ${size} ${ino}`;
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return "";
    throw error;
  }
}
