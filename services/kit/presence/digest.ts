/**
 * Digests of presence facts: 32-bit sums by bucket of rooms, kept up to date one fact at a time. Two
 * sides that hold the same facts have the same sums; a different sum proves a difference. No I/O.
 *
 * @module
 */
import { bucketOf, type PresenceFact, ROOM_BUCKETS } from "../../contract/mod.ts";

/**
 * The hash of one fact: FNV-1a (32 bit) over the room, the user, its name, state and version, then the finalizer of
 * MurmurHash3. Without it texts that differ in their last characters have hashes whose sums collide.
 */
export function hashFact(room: string, { userId, username, presence, v }: PresenceFact): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < room.length; i++) hash = Math.imul(hash ^ room.charCodeAt(i), 0x01000193);
  hash = Math.imul(hash ^ 0x0a, 0x01000193);
  for (let i = 0; i < userId.length; i++) {
    hash = Math.imul(hash ^ userId.charCodeAt(i), 0x01000193);
  }
  // A user that left and returned has version 0 again, perhaps under another name.
  const shown = presence === undefined ? username : username + JSON.stringify(presence);
  for (let i = 0; i < shown.length; i++) {
    hash = Math.imul(hash ^ shown.charCodeAt(i), 0x01000193);
  }
  hash = Math.imul(hash ^ v, 0x01000193);
  hash = Math.imul(hash ^ (hash >>> 16), 0x85ebca6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
  return (hash ^ (hash >>> 16)) >>> 0;
}

/** The digest of a set of facts. */
export class Digest {
  readonly #buckets = new Uint32Array(ROOM_BUCKETS);
  #total = 0;
  #facts = 0;

  /** How many facts are in the set. */
  get facts(): number {
    return this.#facts;
  }

  /** The digest of the whole set. */
  get total(): number {
    return this.#total;
  }

  /** The digests of the 64 buckets. */
  get buckets(): number[] {
    return [...this.#buckets];
  }

  /** Adds a fact to the set. */
  add(room: string, fact: PresenceFact): void {
    this.#count(room, hashFact(room, fact));
    this.#facts++;
  }

  /** Takes a fact out of the set; it must be the one that was added. */
  remove(room: string, fact: PresenceFact): void {
    this.#count(room, -hashFact(room, fact));
    this.#facts--;
  }

  #count(room: string, hash: number): void {
    this.#buckets[bucketOf(room)]! += hash;
    this.#total = (this.#total + hash) >>> 0;
  }
}
