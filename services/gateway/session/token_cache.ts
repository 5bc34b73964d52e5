/**
 * Who the bearers of tokens are, remembered, so that a client who comes back costs no verification.
 *
 * @module
 */
import { hash } from "node:crypto";
import { type Identity, subjectToken } from "../../contract/mod.ts";

/** Tokens remembered; the one that has been known for longest makes room. */
const MAX_TOKENS = 10_000;

/**
 * How long a token is taken without being verified again, milliseconds: keys are taken out of use, and
 * only auth knows. A token that expires or is revoked before is forgotten then.
 */
const MAX_AGE_MS = 300_000;

interface Known {
  identity: Identity;
  until: number;
}

/** See the module's doc. Holds hashes, no tokens. */
export class TokenCache {
  readonly #ask: (token: string) => Promise<Identity>;
  readonly #now: () => number;
  readonly #known = new Map<string, Known>();
  /** Raised by each revocation: what was asked before may be answered with what is not true any more. */
  #turn = 0;

  /** `ask` verifies, and throws a FaultError that is not remembered. */
  constructor(ask: (token: string) => Promise<Identity>, now: () => number = Date.now) {
    this.#ask = ask;
    this.#now = now;
  }

  /** How many tokens are remembered. */
  get size(): number {
    return this.#known.size;
  }

  /** Who the bearer of a token is. Throws what `ask` throws. */
  async verify(token: string): Promise<Identity> {
    const key = hash("sha256", token, "base64");
    const known = this.#known.get(key);
    if (known !== undefined && this.#now() < known.until) return known.identity;
    this.#known.delete(key);
    const turn = this.#turn;
    const identity = await this.#ask(token);
    if (turn !== this.#turn) return identity;
    if (this.#known.size >= MAX_TOKENS) {
      for (const oldest of this.#known.keys()) {
        this.#known.delete(oldest);
        break;
      }
    }
    const until = Math.min(this.#now() + MAX_AGE_MS, identity.expiresAt ?? Infinity);
    this.#known.set(key, { identity, until });
    return identity;
  }

  /** Forgets a user's tokens; `user` is their token of a subject. */
  revoke(user: string): void {
    this.#turn++;
    for (const [key, { identity }] of this.#known) {
      if (subjectToken(identity.userId) === user) this.#known.delete(key);
    }
  }

  /** Forgets everything. */
  clear(): void {
    this.#turn++;
    this.#known.clear();
  }
}
