/**
 * Reads the archive for this gateway. Equal reads at the same time are one: a thousand members who
 * come back to a room together cost one request.
 *
 * @module
 */
import { type HistoryPage, HistoryRead, MAX_HISTORY_LIMIT } from "../../contract/mod.ts";
import { type Bus, type Context, FaultError, request } from "../../kit/mod.ts";
import { type Frame, messageFrame } from "../wire/frame.ts";
import type { ArchivePart } from "./sequencer.ts";

/** Different reads that may be under way at a time; one more is refused. */
const MAX_READS = 1_024;

/** How long a read may take: persistence may wait 2 s for the archive to reach `upTo`. */
const READ_TIMEOUT_MS = 4_000;

/** A page ready to be sent. */
export interface FramePage {
  /** What follows `after`; where the read was another's, maybe less than was asked for. */
  after: number;
  frames: { seq: number; frame: Frame }[];
  more: boolean;
  epoch: string;
  trimmedTo: number;
}

/** See the module's doc. */
export interface HistoryReader {
  /** One page, as persistence gives it. */
  page(
    query: { room: string; before?: number; after?: number; limit: number; upTo?: number },
    context?: Context,
  ): Promise<HistoryPage>;
  /** What follows `after`, for repairing a room. */
  entries(room: string, after: number, upTo: number): Promise<ArchivePart>;
  /** What follows `after`, up to `upTo`, as frames, for a member who comes back. */
  frames(room: string, after: number, upTo: number): Promise<FramePage>;
}

/** Makes the reader; `epoch` is the log that the gateway follows now. */
export function createHistoryReader(bus: Bus, epoch: () => string | null): HistoryReader {
  const reads = new Map<string, Promise<unknown>>();
  /** The read of each room that reaches furthest back; never more than there are reads. */
  const reading = new Map<string, { after: number; page: Promise<FramePage> }>();
  const once = <T>(key: string, read: () => Promise<T>): Promise<T> => {
    const running = reads.get(key);
    if (running !== undefined) return running as Promise<T>;
    if (reads.size >= MAX_READS) {
      throw new FaultError("unavailable", "too many reads of history", 1_000);
    }
    const promise = read().finally(() => reads.delete(key));
    reads.set(key, promise);
    return promise;
  };
  const after = (room: string, seq: number, upTo: number) =>
    once(
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
      if (of !== epoch()) throw new FaultError("unavailable", "the log is another one", 1_000);
      const entries = messages.map(({ seq, prev, ...event }) => ({
        seq,
        prev,
        event: new TextEncoder().encode(JSON.stringify(event)),
      }));
      return { entries, more };
    },

    async frames(room, seq, upTo) {
      // A read that began a little earlier in the same room has what is wanted here too.
      const running = reading.get(`${room} ${upTo}`);
      if (running !== undefined && running.after <= seq) {
        const page = await running.page;
        if (!page.more || (page.frames.at(-1)?.seq ?? 0) > seq) return page;
      }
      return await once(`frames ${room} ${seq} ${upTo}`, () => {
        const page = after(room, seq, upTo).then(({ messages, more, epoch, trimmedTo }) => {
          // The archive may be ahead of what was delivered here: that comes live.
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
        const known = reading.get(key);
        if (known === undefined || known.after > seq) reading.set(key, entry);
        return page.finally(() => {
          if (reading.get(key) === entry) reading.delete(key);
        });
      });
    },
  };
}
