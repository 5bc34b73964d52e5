/**
 * A room's messages as an async iterator with a bounded buffer.
 *
 * @module
 */
import type { Resolvers } from "./abortable.ts";
import type { Emitter } from "./emitter.ts";
import { HopwireError } from "./errors.ts";
import type { RoomEvents } from "./events.ts";
import type { Message } from "./types.ts";

/** Messages that one iterator buffers. More of them end it with `too_slow`. */
const MAX_BUFFERED = 1_000;

/** The part of a room that an iterator needs. */
export interface MessageSource<Content> {
  /** Adds a listener, as {@link Emitter.on}. */
  on: Emitter<RoomEvents<Content>>["on"];
  /** `left` once no further messages will come. */
  readonly state: string;
}

type PendingRead<Content> = Resolvers<IteratorResult<Message<Content>>>;

const DONE = { done: true, value: undefined } as const;

/**
 * Returns an iterator of the messages that arrive from now on. It ends when the room is left. It
 * throws `too_slow` if 1,000 messages are buffered, and the signal's reason when `signal` aborts.
 */
export function iterateMessages<Content>(
  room: MessageSource<Content>,
  signal?: AbortSignal,
): AsyncIterableIterator<Message<Content>> {
  const buffer: Message<Content>[] = [];
  const pendingReads: PendingRead<Content>[] = [];
  /** Set once the iteration has ended. Only the first read after that receives the error. */
  let outcome: { error?: unknown } | undefined;

  const settleWithOutcome = (read: PendingRead<Content>) => {
    const error = outcome!.error;
    outcome = {};
    if (error === undefined) read.resolve(DONE);
    else read.reject(error);
  };
  const finish = (error?: unknown) => {
    outcome ??= { error };
    unsubscribe.forEach((off) => off());
    signal?.removeEventListener("abort", onAbort);
    pendingReads.splice(0).forEach(settleWithOutcome);
  };
  const onAbort = () => {
    buffer.length = 0;
    finish(signal!.reason);
  };
  const unsubscribe = [
    room.on("message", (value) => {
      if (pendingReads.length > 0) pendingReads.shift()!.resolve({ value });
      else if (buffer.length < MAX_BUFFERED) buffer.push(value);
      else finish(new HopwireError("too_slow", `the iterator is ${MAX_BUFFERED} messages behind`));
    }),
    room.on("left", () => finish()),
  ];
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted) onAbort();
  else if (room.state === "left") finish();

  return {
    next: () =>
      new Promise((resolve, reject) => {
        const read = { resolve, reject };
        const value = buffer.shift();
        if (value !== undefined) resolve({ value });
        else if (outcome !== undefined) settleWithOutcome(read);
        else pendingReads.push(read);
      }),
    return() {
      buffer.length = 0;
      finish();
      outcome = {};
      return Promise.resolve(DONE);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
