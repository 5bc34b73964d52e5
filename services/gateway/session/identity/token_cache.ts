/**
 * Caches the identities of verified tokens, so that a client that reconnects causes no request to
 * auth.
 *
 * @module
 */
import { hash } from "node:crypto";
import type { Identity } from "../../../contract/mod.ts";

/** Tokens in the cache. It bounds the memory; one more evicts the token cached longest ago. */
const MAX_TOKENS = 10_000;

/**
 * Age after which a cached token is verified again, milliseconds. Only auth knows when a signing key
 * is retired, so this bounds how long the gateway accepts that key's tokens. A token that expires
 * leaves the cache earlier. Whether one is revoked is no matter of this cache: see `access.ts`.
 */
const MAX_AGE_MS = 300_000;

interface CacheEntry {
  identity: Identity;
  /** Wall-clock time until which the entry is valid, milliseconds. */
  validUntil: number;
}

/** See the module's doc. The keys are hashes: the cache holds no token. */
export class TokenCache {
  readonly #verifyUncached: (token: string) => Promise<Identity>;
  readonly #now: () => number;
  readonly #entries = new Map<string, CacheEntry>();

  /**
   * `verify` asks auth. It rejects with a FaultError, which is not cached. `now` is the wall clock in
   * milliseconds; tests pass their own.
   */
  constructor(verify: (token: string) => Promise<Identity>, now: () => number = Date.now) {
    this.#verifyUncached = verify;
    this.#now = now;
  }

  /** How many tokens are cached. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * Returns the identity of a token's bearer, from the cache or from auth.
   *
   * @throws {FaultError} if auth refuses the token or cannot be reached
   */
  async verify(token: string): Promise<Identity> {
    const key = hash("sha256", token, "base64");
    const cached = this.#entries.get(key);
    if (cached !== undefined && this.#now() < cached.validUntil) return cached.identity;
    this.#entries.delete(key);
    const identity = await this.#verifyUncached(token);
    if (this.#entries.size >= MAX_TOKENS) {
      for (const oldest of this.#entries.keys()) {
        this.#entries.delete(oldest);
        break;
      }
    }
    const validUntil = Math.min(this.#now() + MAX_AGE_MS, identity.expiresAt ?? Infinity);
    this.#entries.set(key, { identity, validUntil });
    return identity;
  }
}
