/**
 * The seqs of messages that this process had stored last, by room. History waits until the archive has them,
 * so that a back-end reads what it has just published.
 *
 * @module
 */

/** Rooms that are remembered; the one that got no message for longest makes room. */
const MAX_ROOMS = 10_000;

/** How long a seq is remembered, milliseconds: the archive is rarely a second behind. */
const MAX_AGE_MS = 10_000;

/** See the module's doc. */
export interface RecentSeqs {
  /** A message was stored. */
  stored(room: string, seq: number): void;
  /** The last seq of a room; undefined if nothing was stored lately. */
  of(room: string): number | undefined;
}

/** Remembers nothing yet. `now` is a monotonic clock in milliseconds. */
export function createRecentSeqs(now: () => number = () => performance.now()): RecentSeqs {
  const seqs = new Map<string, { seq: number; at: number }>();
  return {
    stored(room, seq) {
      const last = Math.max(seq, seqs.get(room)?.seq ?? 0);
      seqs.delete(room);
      seqs.set(room, { seq: last, at: now() });
      if (seqs.size > MAX_ROOMS) seqs.delete(seqs.keys().next().value!);
    },
    of(room) {
      const found = seqs.get(room);
      return found !== undefined && now() - found.at <= MAX_AGE_MS ? found.seq : undefined;
    },
  };
}
