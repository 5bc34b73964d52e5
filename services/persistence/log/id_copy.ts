/**
 * Copies the ids of a stream's newest messages into a stream that is about to take their rooms: NATS recognises
 * a message that is sent again by the ids that its stream has stored.
 *
 * @module
 */
import type { StreamInfo } from "@nats-io/jetstream";
import { DUPLICATE_WINDOW_MS, HEADERS, movingSubject } from "../../contract/mod.ts";
import { type Bus, createHeaders, type StreamPublisher } from "../../kit/mod.ts";
import { LogReader } from "./log_reader.ts";
import { type LogStream, readMessage } from "./stream.ts";

/** How long before the deduplication window the copied ids begin, milliseconds: clocks differ. */
const MARGIN_MS = 10_000;

/** Messages that are read, and ids that are written, at a time. */
const BATCH = 4_000;

/** How long the end of the old stream is waited for that may have been deleted, milliseconds. */
const END_MS = 500;

/** Copies the ids of messages that move. */
export class IdCopy {
  readonly #bus: Bus;
  readonly #stream: LogStream;
  readonly #child: LogStream;
  readonly #publisher: StreamPublisher;
  /** The next seq of the old stream; null before the first one has been found. */
  #next: number | null = null;

  constructor(bus: Bus, stream: LogStream, child: LogStream, publisher: StreamPublisher) {
    this.#bus = bus;
    this.#stream = stream;
    this.#child = child;
    this.#publisher = publisher;
  }

  /** Copies up to `near` messages before the end of the old stream, or up to the seq `last`. */
  async copy(near: number, last?: number): Promise<void> {
    const stream = this.#stream;
    const info = await stream.manager.streams.info(stream.name);
    this.#next ??= await seqSince(stream, info, Date.now() - DUPLICATE_WINDOW_MS - MARGIN_MS);
    let end = last ?? info.state.last_seq;
    if (end - this.#next < near || this.#next > end) return;
    const reader = new LogReader({
      bus: this.#bus,
      stream,
      from: this.#next,
      size: BATCH,
      batchMs: 0,
    });
    await reader.open();
    try {
      while (this.#next <= end - near) {
        const messages = await inTime(reader.batch());
        if (messages === null || messages.length === 0) break;
        const ids = messages.flatMap(({ subject, seq, raw }) => {
          const id = raw?.headers?.get(HEADERS.messageId);
          // Some may have come from another stream a moment ago; they do not say for which room they stand.
          const moved = raw?.headers?.get(HEADERS.movedSeq);
          const moves = moved ||
            Number(subject.split(".")[2]) % this.#child.count === this.#child.index;
          return id && moves ? [{ seq: moved || `${seq}`, id }] : [];
        });
        await Promise.all(ids.map((one) => this.#write(one)));
        this.#next = messages.at(-1)!.seq + 1;
        if (last === undefined) {
          end = (await stream.manager.streams.info(stream.name)).state.last_seq;
        }
      }
    } finally {
      reader.close();
    }
    if (last === undefined || this.#next > last) return;
    // What is left has been deleted; or the server was too slow.
    const left = await readMessage(stream, this.#next, true);
    if (left !== null && left.seq <= last) throw new Error("the end of the stream was not read");
  }

  #write({ seq, id }: { seq: string; id: string }): Promise<void> {
    const headers = createHeaders();
    headers.set(HEADERS.messageId, id);
    headers.set(HEADERS.movedSeq, seq);
    headers.set("Nats-Expected-Stream", this.#child.name);
    return new Promise((resolve, reject) => {
      const subject = movingSubject(this.#child.index);
      this.#publisher.publish(subject, "", headers, (_, failure) => {
        if (failure === null) resolve();
        else reject(new Error(`the id of a message was not copied: ${failure.message}`));
      });
    });
  }
}

/** Returns the first seq of a stream that was stored at a time or later, by bisection. */
async function seqSince(
  stream: LogStream,
  { state }: StreamInfo,
  time: number,
): Promise<number> {
  let low = Math.max(1, state.first_seq);
  let high = state.last_seq + 1;
  while (low < high) {
    const middle = low + Math.floor((high - low) / 2);
    const message = await readMessage(stream, middle, true);
    if (message === null || message.storedAt >= time) high = middle;
    else low = message.seq + 1;
  }
  return low;
}

/** Returns what is read, or null if that takes longer than {@link END_MS}. */
async function inTime<T>(read: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<null>((resolve) => timer = setTimeout(() => resolve(null), END_MS));
  read.catch(() => {});
  try {
    return await Promise.race([read, late]);
  } finally {
    clearTimeout(timer);
  }
}
