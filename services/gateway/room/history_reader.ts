/**
 * Reads the archive for this gateway. Identical concurrent reads share one request: when a thousand
 * members resume in a room together, the gateway reads the archive once.
 *
 * @module
 */
import { type HistoryPage, HistoryRead, MAX_HISTORY_LIMIT } from "../../contract/mod.ts";
import { type Bus, type Context, FaultError, request } from "../../kit/mod.ts";
import { type Frame, messageFrame } from "../wire/frame.ts";
import type { ArchivePage } from "./sequencer.ts";

/** Different reads that may run at a time; one more fails. Bounds the load on persistence. */
const MAX_READS = 1_024;

/** Timeout of a read, milliseconds. Persistence itself waits up to 2 s for the archive to reach `upTo`. */
const READ_TIMEOUT_MS = 4_000;

/** A page of messages as frames, ready to send. */
export interface FramePage {
  /** The page begins after this seq. A shared read may begin before the requested seq. */
  after: number;
  /** Oldest first. */
  frames: { seq: number; frame: Frame }[];
  /** Whether more of the requested messages follow. */
  more: boolean;
  /** The log that the archive belongs to. */
  epoch: string;
  /** Retention has removed everything up to this seq. */
  trimmedTo: number;
}

/**
 * See the module's doc. Every read rejects with a FaultError: `unavailable` if persistence cannot be
 * reached in time or too many reads run, otherwise the code that persistence answered.
 */
export interface HistoryReader {
  /** Reads one page and returns it as persistence answers it. Never shared. */
  page(
    query: { room: string; before?: number; after?: number; limit: number; upTo?: number },
    context?: Context,
  ): Promise<HistoryPage>;
  /**
   * Reads the messages after `after`, once the archive has reached `upTo`, to repair a room. Also
   * rejects with `unavailable` if the archive belongs to another log.
   */
  entries(room: string, after: number, upTo: number): Promise<ArchivePage>;
  /** Reads the messages after `after` and up to `upTo` as frames, for a member that resumes. */
  frames(room: string, after: number, upTo: number): Promise<FramePage>;
}

/** Creates the reader. `epoch` returns the log that the gateway follows, null if it has found none. */
export function createHistoryReader(bus: Bus, epoch: () => string | null): HistoryReader {
  const reads = new Map<string, Promise<unknown>>();
  /** For each room and `upTo`, the running read that reaches furthest back. Bounded by `reads`. */
  const furthest = new Map<string, { after: number; page: Promise<FramePage> }>();
  const share = <T>(key: string, read: () => Promise<T>): Promise<T> => {
    const running = reads.get(key);
    if (running !== undefined) return running as Promise<T>;
    if (reads.size >= MAX_READS) {
      throw new FaultError("unavailable", "too many history reads", 1_000);
    }
    const promise = read().finally(() => reads.delete(key));
    reads.set(key, promise);
    return promise;
  };
  const after = (room: string, seq: number, upTo: number) =>
    share(
      `page ${room} ${seq} ${upTo}`,
      () =>
        request(bus, HistoryRead, { room, after: seq, upTo, limit: MAX_HISTORY_LIMIT }, {
          timeout: READ_TIMEOUT_MS,
        }),
    );
  return {
    page: (query, context) =>
      request(bus, HistoryRead, query, { timeout: READ_TIMEOUT_MS, context }),

    async entries(room, seq, upTo) {
      const { messages, more, epoch: of } = await after(room, seq, upTo);
      if (of !== epoch()) throw new FaultError("unavailable", "the log was replaced", 1_000);
      const entries = messages.map(({ seq, prev, ...event }) => ({
        seq,
        prev,
        event: new TextEncoder().encode(JSON.stringify(event)),
      }));
      return { entries, more };
    },

    async frames(room, seq, upTo) {
      // A running read that began at or before `seq` includes these messages.
      const running = furthest.get(`${room} ${upTo}`);
      if (running !== undefined && running.after <= seq) {
        const page = await running.page;
        if (!page.more || (page.frames.at(-1)?.seq ?? 0) > seq) return page;
      }
      return await share(`frames ${room} ${seq} ${upTo}`, () => {
        const page = after(room, seq, upTo).then(({ messages, more, epoch, trimmedTo }) => {
          // The archive may be ahead of this gateway. Later messages are delivered live.
          const wanted = messages.filter(({ seq }) => seq <= upTo);
          const frames = wanted.map(({ seq, prev, ...event }) => ({
            seq,
            frame: messageFrame(new TextEncoder().encode(JSON.stringify(event)), seq, prev)!,
          }));
          more &&= wanted.length === messages.length;
          return { after: seq, frames, more, epoch, trimmedTo };
        });
        const key = `${room} ${upTo}`;
        const entry = { after: seq, page };
        const known = furthest.get(key);
        if (known === undefined || known.after > seq) furthest.set(key, entry);
        return page.finally(() => {
          if (furthest.get(key) === entry) furthest.delete(key);
        });
      });
    },
  };
}
