/**
 * Reads the archive for this gateway. Identical concurrent reads share one request: when a thousand
 * members resume in a room together, the gateway reads the archive once.
 *
 * @module
 */
import { type HistoryPage, HistoryRead, MAX_HISTORY_LIMIT } from "../../contract/mod.ts";
import {
  Batcher,
  type Bus,
  type Context,
  FaultError,
  request,
  ROOT_CONTEXT,
} from "../../kit/mod.ts";
import { type Frame, messageFrame } from "../wire/frame.ts";
import type { ArchivePage } from "./sequencer.ts";

/** Different reads that may run or wait; one more fails. */
const MAX_READS = 1_024;

/** Reads at persistence at a time, at first and at most: the rest waits in order. */
const WINDOW = { first: 32, max: 128 };

/** Timeout of a read, milliseconds. Persistence itself waits up to 2 s for the archive to reach `upTo`. */
const READ_TIMEOUT_MS = 4_000;

/** A read of one page of a room. */
interface Query {
  room: string;
  before?: number;
  after?: number;
  epoch?: string;
  limit: number;
  upTo?: number;
  repair?: boolean;
}

/** A page of messages as frames, ready to send. */
export interface FramePage {
  /** The page begins after this seq. A shared read may begin before the requested seq. */
  after: number;
  /** Oldest first. */
  frames: { seq: number; frame: Frame }[];
  /** Bytes of the frames, and sessions that are being sent them. */
  bytes: number;
  holders: number;
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
  page(query: Query, context?: Context): Promise<HistoryPage>;
  /**
   * Reads the messages after `after`, once the archive has reached `upTo`, to repair a room. Also
   * rejects with `unavailable` if the archive belongs to another log.
   */
  entries(room: string, after: number, upTo: number): Promise<ArchivePage>;
  /** Reads the messages after `after` and up to `upTo` as frames, for a member that resumes. */
  frames(room: string, after: number, upTo: number): Promise<FramePage>;
}

/** Creates the reader. `epochOf` returns the epoch of a room's log, null if the gateway has found none. */
export function createHistoryReader(
  bus: Bus,
  epochOf: (room: string) => string | null,
): HistoryReader {
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
  const lane = new Batcher<{ query: Query; context: Context }, HistoryPage>({
    maxBatch: 1,
    maxQueue: MAX_READS,
    deadlineMs: READ_TIMEOUT_MS,
    window: WINDOW,
    // The caller retries by itself. A read that ran out of time would run out of time again.
    retry: false,
    send: async ([read], timeout) => {
      const { query, context } = read!;
      return [await request(bus, HistoryRead, query, { timeout, context })];
    },
  });
  const page = (query: Query, context: Context = ROOT_CONTEXT) => lane.submit({ query, context });
  const after = (room: string, seq: number, upTo: number) => {
    const of = epochOf(room) ?? undefined;
    return share(
      `page ${room} ${seq} ${upTo} ${of}`,
      () => page({ room, after: seq, upTo, epoch: of, repair: true, limit: MAX_HISTORY_LIMIT }),
    );
  };
  return {
    page,

    async entries(room, seq, upTo) {
      const { messages, more, epoch: of, trimmedTo } = await after(room, seq, upTo);
      if (of !== epochOf(room)) throw new FaultError("unavailable", "the log was replaced", 1_000);
      const entries = messages.map(({ seq, prev, ...event }) => ({
        seq,
        prev,
        event: new TextEncoder().encode(JSON.stringify(event)),
      }));
      return { entries, more, trimmedTo };
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
          const bytes = frames.reduce((sum, { frame }) => sum + frame.wire.length, 0);
          return { after: seq, frames, bytes, holders: 0, more, epoch, trimmedTo };
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
