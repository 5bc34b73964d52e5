/**
 * A room's messages as something to iterate: what comes waits to be read, up to a bound.
 *
 * @module
 */
import { HopwireError } from "./errors.ts";
import type { Room } from "./room.ts";
import type { Settling } from "./settling.ts";
import type { Message } from "./types.ts";

/** Messages that wait for an iterator that is not read. */
const MAX_BUFFERED = 1_000;

/** See {@link Room.messages}. */
export function readMessages(room: Room, signal?: AbortSignal): AsyncIterableIterator<Message> {
  const waiting: Message[] = [];
  const readers: Settling<IteratorResult<Message>>[] = [];
  const done = { done: true, value: undefined } as const;
  /** Undefined while it goes on; then what readers get, the error once. */
  let end: { error?: unknown } | undefined;
  const give = (reader: Settling<IteratorResult<Message>>) => {
    const error = end!.error;
    end = {};
    if (error === undefined) reader.resolve(done);
    else reader.reject(error);
  };
  const finish = (error?: unknown) => {
    end ??= { error };
    offs.forEach((off) => off());
    signal?.removeEventListener("abort", aborted);
    readers.splice(0).forEach(give);
  };
  const aborted = () => {
    waiting.length = 0;
    finish(signal!.reason);
  };
  const offs = [
    room.on("message", (value) => {
      if (readers.length > 0) readers.shift()!.resolve({ value });
      else if (waiting.length < MAX_BUFFERED) waiting.push(value);
      else finish(new HopwireError("too_slow", `${MAX_BUFFERED} messages were not read`));
    }),
    room.on("left", () => finish()),
  ];
  signal?.addEventListener("abort", aborted);
  if (signal?.aborted) aborted();
  else if (room.state === "left") finish();
  return {
    next: () =>
      new Promise((resolve, reject) => {
        const reader = { resolve, reject };
        const value = waiting.shift();
        if (value !== undefined) resolve({ value });
        else if (end !== undefined) give(reader);
        else readers.push(reader);
      }),
    return() {
      waiting.length = 0;
      finish();
      end = {};
      return Promise.resolve(done);
    },
    [Symbol.asyncIterator]() {
      return this;
    },
  };
}
