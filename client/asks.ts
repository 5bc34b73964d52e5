/**
 * Questions with one answer each (history, presence, calls): a bounded number at a time, and asked again
 * on the next connection where asking twice does no harm.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Clock } from "./types.ts";

/** The server lets 16 be awaited. */
const MAX_ASKED = 12;

/** Questions that may wait. */
const MAX_WAITING = 1_000;

/** How often a question is asked again that the server was too busy for. */
const MAX_TRIES = 5;

interface Ask {
  frame: { id: string; room?: string };
  again: boolean;
  asked: boolean;
  tries: number;
  resolve(answer: ServerFrame): void;
  reject(error: unknown): void;
}

/** See the module's doc. */
export class Asks {
  readonly #prefix = Math.random().toString(36).slice(2, 8);
  readonly #asks = new Map<string, Ask>();
  readonly #clock: Clock;
  readonly #up: () => boolean;
  readonly #send: (frame: object) => void;
  #count = 0;
  #asked = 0;

  constructor(clock: Clock, up: () => boolean, send: (frame: object) => void) {
    this.#clock = clock;
    this.#up = up;
    this.#send = send;
  }

  /** Asks; `again` says whether it may be asked twice. */
  ask(
    frame: object & { room?: string },
    again: boolean,
    signal?: AbortSignal,
  ): Promise<ServerFrame> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#asks.size >= MAX_WAITING) {
      return Promise.reject(new HopwireError("queue_full", `${MAX_WAITING} answers are awaited`));
    }
    const id = `${this.#prefix}-${this.#count++}`;
    return new Promise((resolve, reject) => {
      const aborted = () => this.#settle(id)?.reject(signal!.reason);
      signal?.addEventListener("abort", aborted);
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        signal?.removeEventListener("abort", aborted);
        settle(value);
      };
      this.#asks.set(id, {
        frame: { ...frame, id },
        again,
        asked: false,
        tries: 0,
        resolve: done(resolve),
        reject: done(reject),
      });
      this.pump();
    });
  }

  /** Sends what may be sent. */
  pump(): void {
    if (!this.#up()) return;
    for (const ask of this.#asks.values()) {
      if (this.#asked >= MAX_ASKED) return;
      if (ask.asked) continue;
      ask.asked = true;
      this.#asked++;
      this.#send(ask.frame);
    }
  }

  /** An answer has come. Says whether it was to one of ours. */
  answered(frame: ServerFrame & { id?: string }): boolean {
    const ask = this.#settle(frame.id ?? "");
    ask?.resolve(frame);
    this.pump();
    return ask !== undefined;
  }

  /** A question was refused. Says whether it was one of ours. */
  refused({ id, code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const ask = this.#asks.get(id ?? "");
    if (ask === undefined) return false;
    // A room that is being entered again is not found for a while.
    const busy = code === "unavailable" || code === "room_not_found";
    const later = code === "rate_limited" || (busy && ask.again);
    if (later && ++ask.tries < MAX_TRIES) {
      this.#clock.setTimeout(() => {
        if (!ask.asked || this.#asks.get(id!) !== ask) return;
        ask.asked = false;
        this.#asked--;
        this.pump();
      }, retryAfter ?? 1_000);
    } else {
      this.#settle(id!)!.reject(new HopwireError(code, message));
      this.pump();
    }
    return true;
  }

  /** The connection was lost. */
  unask(): void {
    this.#asked = 0;
    for (const [id, ask] of [...this.#asks]) {
      const lost = ask.asked && !ask.again;
      ask.asked = false;
      if (!lost) continue;
      this.#asks.delete(id);
      ask.reject(new HopwireError("connection_lost", "the connection was lost meanwhile"));
    }
  }

  /** Gives up those of one room, or all. */
  fail(error: HopwireError, room?: string): void {
    for (const [id, { frame }] of [...this.#asks]) {
      if (room === undefined || frame.room === room) this.#settle(id)!.reject(error);
    }
  }

  #settle(id: string): Ask | undefined {
    const ask = this.#asks.get(id);
    if (ask !== undefined) {
      this.#asks.delete(id);
      if (ask.asked) this.#asked--;
    }
    return ask;
  }
}
