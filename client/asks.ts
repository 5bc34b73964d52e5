/**
 * Questions with one answer each (history, presence, calls): a bounded number at a time, no faster than
 * the server takes them, and asked again on the next connection where asking twice does no harm.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Sending } from "./sending.ts";
import { type Settling, settling } from "./settling.ts";

/** The server lets 16 be awaited. */
const MAX_ASKED = 12;

/** Questions that may wait. */
const MAX_WAITING = 1_000;

/** How often a question is asked again that the server was too busy for. */
const MAX_TRIES = 5;

interface Ask extends Settling<ServerFrame> {
  frame: { id: string; room?: string };
  again: boolean;
  asked: boolean;
  tries: number;
  /** Of its timeout. */
  timer: unknown;
}

/** How a question is asked. */
export interface AskOptions {
  /** Whether it may be asked twice. */
  again: boolean;
  /** Milliseconds after which it is given up, asked or not. */
  timeout?: number;
  signal?: AbortSignal;
}

/** See the module's doc. */
export class Asks {
  readonly #prefix = `~${Math.random().toString(36).slice(2, 8)}-`;
  readonly #asks = new Map<string, Ask>();
  readonly #deps: Sending;
  #count = 0;
  #asked = 0;
  /** Which connection it is: what belonged to one before is passed over. */
  #connection = 0;
  #timer: unknown;

  constructor(deps: Sending) {
    this.#deps = deps;
  }

  /** Asks; resolves with the answer. */
  ask(
    frame: object & { room?: string },
    { again, timeout, signal }: AskOptions,
  ): Promise<ServerFrame> {
    const id = `${this.#prefix}${this.#count++}`;
    const giveUp = (error: unknown) => {
      this.#settle(id)?.reject(error);
      this.pump();
    };
    return settling<ServerFrame>(signal, () => giveUp(signal!.reason), (settle) => {
      if (this.#asks.size >= MAX_WAITING) {
        return settle.reject(new HopwireError("queue_full", `${MAX_WAITING} answers are awaited`));
      }
      const timer = timeout === undefined ? undefined : this.#deps.clock.setTimeout(
        () => giveUp(new HopwireError("timeout", `no answer within ${timeout} ms`)),
        timeout,
      );
      this.#asks.set(id, {
        frame: { ...frame, id },
        again,
        timer,
        asked: false,
        tries: 0,
        ...settle,
      });
      this.pump();
    });
  }

  /** Sends what may be sent. */
  pump(): void {
    const { clock, pacer, inside, send, up } = this.#deps;
    if (!up()) return;
    for (const ask of this.#asks.values()) {
      if (this.#asked >= MAX_ASKED) return;
      const { room } = ask.frame;
      if (ask.asked || (room !== undefined && !inside(room))) continue;
      const wait = pacer.wait();
      if (wait > 0) {
        clock.clearTimeout(this.#timer);
        this.#timer = clock.setTimeout(() => this.pump(), wait);
        return;
      }
      ask.asked = true;
      this.#asked++;
      send(ask.frame);
    }
  }

  /** An answer has come. Says whether it was to one of ours, given up or not. */
  answered(frame: ServerFrame & { id?: string }): boolean {
    const { id = "" } = frame;
    this.#settle(id)?.resolve(frame);
    this.pump();
    return id.startsWith(this.#prefix);
  }

  /** A question was refused. Says whether it was one of ours, given up or not. */
  refused({ id = "", code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const ask = this.#asks.get(id);
    if (ask === undefined) return id.startsWith(this.#prefix);
    // A room that is being entered again is not found for a while.
    const busy = code === "unavailable" || code === "room_not_found";
    const later = code === "rate_limited" || (busy && ask.again);
    if (later && ++ask.tries < MAX_TRIES) {
      const connection = this.#connection;
      this.#deps.clock.setTimeout(() => {
        if (connection !== this.#connection || this.#asks.get(id) !== ask) return;
        ask.asked = false;
        this.#asked--;
        this.pump();
      }, retryAfter ?? 1_000);
    } else {
      this.#settle(id)!.reject(new HopwireError(code, message));
      this.pump();
    }
    return true;
  }

  /** The connection was lost. */
  unask(): void {
    this.#connection++;
    this.#asked = 0;
    this.#deps.clock.clearTimeout(this.#timer);
    for (const [id, ask] of [...this.#asks]) {
      const lost = ask.asked && !ask.again;
      ask.asked = false;
      if (!lost) continue;
      this.#settle(id);
      ask.reject(new HopwireError("connection_lost", "lost meanwhile"));
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
      this.#deps.clock.clearTimeout(ask.timer);
      if (ask.asked) this.#asked--;
    }
    return ask;
  }
}
