/**
 * The denials as one process knows them: what a token and a user are denied, at once and without I/O.
 *
 * @module
 */
import { type Denial, denialSubject, type Denied, type Identity } from "../../contract/mod.ts";

/** A denial with the seq of its message in the stream. */
export interface StoredDenial {
  /** The denial. */
  denial: Denial;
  /** 0 if its message is gone. */
  seq: number;
}

/** See the module's doc. The stream's own limit bounds it. `now` is the wall clock in milliseconds. */
export class DenialList {
  readonly #now: () => number;
  /** By subject. */
  #entries = new Map<string, StoredDenial>();

  /** Makes an empty list. */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  /** How many denials there are, lifted and expired ones included. */
  get size(): number {
    return this.#entries.size;
  }

  /** Adds or replaces a denial. */
  set(denial: Denial, seq: number): void {
    this.#entries.set(denialSubject(denial), { denial, seq });
  }

  /** Forgets what has ended, and returns it. */
  prune(): StoredDenial[] {
    const ended: StoredDenial[] = [];
    for (const [subject, entry] of this.#entries) {
      if (!this.expired(entry.denial.expiresAt)) continue;
      this.#entries.delete(subject);
      ended.push(entry);
    }
    return ended;
  }

  /** Forgets all. */
  clear(): void {
    this.#entries.clear();
  }

  /** The message on a subject was overwritten by one that is no denial: the denial stays in force. */
  overwritten(subject: string, seq: number): void {
    const entry = this.#entries.get(subject);
    if (entry !== undefined && entry.seq < seq) entry.seq = 0;
  }

  /** The stream was replaced: what it stored stays in force, and is in no stream. */
  orphan(): void {
    for (const entry of this.#entries.values()) entry.seq = 0;
  }

  /** Returns what is known about a subject, lifted and expired denials included. */
  find(denied: Denied): StoredDenial | undefined {
    return this.#entries.get(denialSubject(denied));
  }

  /** Iterates over everything, lifted and expired denials included, by subject. */
  entries(): IterableIterator<[string, StoredDenial]> {
    return this.#entries.entries();
  }

  /** Whether a denial is in force. */
  inForce({ lifted, expiresAt }: Denial): boolean {
    return lifted !== true && !this.expired(expiresAt);
  }

  /** Whether a time has come. */
  expired(expiresAt: number | null): boolean {
    return expiresAt !== null && expiresAt <= this.#now();
  }

  /**
   * Whether a token is revoked. One that does not say when it was issued counts as issued before every
   * revocation.
   */
  isRevoked({ userId, tokenId, issuedAt }: Identity): boolean {
    if (this.#entries.size === 0) return false;
    const ofUser = this.#inForce({ kind: "user", userId });
    if (ofUser?.kind === "user" && (issuedAt === null || issuedAt < ofUser.before)) return true;
    return tokenId !== null && this.#inForce({ kind: "token", tokenId }) !== undefined;
  }

  /** Returns the ban of a user from a room, if there is one. */
  banOf(userId: string, room: string): Denial | undefined {
    return this.#entries.size === 0 ? undefined : this.#inForce({ kind: "ban", userId, room });
  }

  #inForce(denied: Denied): Denial | undefined {
    const denial = this.find(denied)?.denial;
    return denial !== undefined && this.inForce(denial) ? denial : undefined;
  }
}
