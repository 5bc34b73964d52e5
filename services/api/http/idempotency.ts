/**
 * Answers a request that is repeated with the same `Idempotency-Key` as the first time, without doing it again,
 * from the memory of this process. What other processes did is in {@link ./shared_answers.ts}.
 *
 * @module
 */
import { DUPLICATE_WINDOW_MS } from "../../contract/mod.ts";
import { usedOtherwise } from "./shared_answers.ts";

/** Most answers that are kept, and most bytes of them. */
const MAX_ANSWERS = 10_000;
const MAX_BYTES = 16 * 1024 * 1024;

/** An answer that is kept has at most this many characters. */
const MAX_ANSWER = 64 * 1024;

/** What such a header may be: visible ASCII. */
export const IDEMPOTENCY_KEY = /^[\x21-\x7e]{1,255}$/;

/** An answer; `replayed` if it is that of an earlier request. */
export interface OnceAnswer {
  answer: string;
  replayed: boolean;
}

interface Entry {
  fingerprint: string;
  done: Promise<OnceAnswer>;
  bytes: number;
  until: number;
}

/** The answers that are kept. */
export interface Repetitions {
  /**
   * Returns the answer of the first request with this key, or does the request.
   *
   * @throws {StateError} if the first request had another fingerprint
   */
  once(key: string, fingerprint: string, run: () => Promise<OnceAnswer>): Promise<OnceAnswer>;
}

/** Keeps nothing yet. `now` is a monotonic clock in milliseconds. */
export function createRepetitions(now: () => number = () => performance.now()): Repetitions {
  // In the order of their ends.
  const entries = new Map<string, Entry>();
  let bytes = 0;

  const remove = (key: string, entry: Entry) => {
    if (entries.get(key) !== entry) return;
    entries.delete(key);
    bytes -= entry.bytes;
  };
  const makeRoom = () => {
    for (const [key, entry] of entries) {
      if (entry.until >= now() && entries.size <= MAX_ANSWERS && bytes <= MAX_BYTES) return;
      remove(key, entry);
    }
  };
  return {
    async once(key, fingerprint, run) {
      const known = entries.get(key);
      if (known !== undefined && known.until >= now()) {
        if (known.fingerprint !== fingerprint) throw usedOtherwise();
        // The first may still be in progress.
        return { answer: (await known.done).answer, replayed: true };
      }
      if (known !== undefined) remove(key, known);
      const entry: Entry = {
        fingerprint,
        done: run(),
        bytes: key.length,
        until: now() + DUPLICATE_WINDOW_MS,
      };
      entries.set(key, entry);
      bytes += entry.bytes;
      try {
        const { answer, replayed } = await entry.done;
        if (answer.length > MAX_ANSWER) remove(key, entry);
        else if (entries.get(key) === entry) {
          entry.bytes += answer.length;
          bytes += answer.length;
        }
        return { answer, replayed };
      } catch (error) {
        // A refusal is not kept: the request may be repeated when its cause is gone.
        remove(key, entry);
        throw error;
      } finally {
        makeRoom();
      }
    },
  };
}
