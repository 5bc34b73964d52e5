/**
 * Frames that are answered by their id (messages by acks, questions by answers) on their way: a bounded
 * number of them, in order, no faster than the server takes them, and sent again on the next connection
 * where that does no harm.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Pacer } from "./pacer.ts";
import { type Settling, settling } from "./settling.ts";
import type { Clock } from "./types.ts";

/** How long to wait where the server says "later" without saying when, milliseconds. */
const LATER_MS = 1_000;

/** Refusals that pass. */
const LATER = ["rate_limited", "unavailable", "room_not_found"];

/** What is sent, and how. */
export interface Sent {
  id: string;
  /** The room that we must be in. */
  room?: string;
  /** The frame, or its text. */
  frame: object | string;
  /** Whether it may be sent twice: then a loss of the connection does not end it. */
  again: boolean;
  /** Milliseconds after which it is given up, sent or not. */
  timeout?: number;
  signal?: AbortSignal;
  /** Told the answer in its place among the frames: whoever awaits it may see a later frame first. */
  answered?: (answer: ServerFrame) => void;
}

interface Item extends Sent, Settling<ServerFrame> {
  /** Whether it is on its way on this connection, and whether it ever was. */
  sent: boolean;
  tried: boolean;
  refusals: number;
  timer: unknown;
}

/** What is needed to send. */
export interface Sending {
  clock: Clock;
  pacer: Pacer;
  /** Whether frames can be sent. */
  up(): boolean;
  /** The server says that we are not in a room. */
  lost(room: string): void;
  /** Sends a frame, or its text, and tells the pacer. */
  send(frame: object | string): void;
}

/** The bounds of one kind of frames. */
export interface OutgoingOptions {
  /** What they are called where there are too many. */
  name: string;
  /** How many may wait, sent or not, and how many may be sent without an answer. */
  max: number;
  maxSent: number;
  /** How often one may be refused for a while before it is refused for good. */
  maxRefusals: number;
  /** Whether a room's may be sent. */
  ready(room: string): boolean;
}

/** See the module's doc. */
export class Outgoing {
  readonly #sending: Sending;
  readonly #options: OutgoingOptions;
  readonly #items = new Map<string, Item>();
  #sent = 0;
  #timer: unknown;
  #notBefore = 0;

  constructor(sending: Sending, options: OutgoingOptions) {
    this.#sending = sending;
    this.#options = options;
  }

  /** Takes one in; resolves with its answer. */
  add(sent: Sent): Promise<ServerFrame> {
    const { id, timeout, signal, answered } = sent;
    const { max, name } = this.#options;
    const giveUp = (error: unknown) => {
      this.#settle(id)?.reject(error);
      this.pump();
    };
    return settling<ServerFrame>(signal, () => giveUp(signal!.reason), ({ resolve, reject }) => {
      if (this.#items.size >= max) {
        return reject(new HopwireError("queue_full", `${max} ${name} wait`));
      }
      if (this.#items.has(id)) {
        return reject(new HopwireError("invalid_format", `id ${id} is under way already`));
      }
      this.#items.set(id, {
        ...sent,
        sent: false,
        tried: false,
        refusals: 0,
        timer: timeout && this.#sending.clock.setTimeout(
          () => giveUp(new HopwireError("timeout", `no answer within ${timeout} ms`)),
          timeout,
        ),
        reject,
        resolve(answer) {
          answered?.(answer);
          resolve(answer);
        },
      });
      this.pump();
    });
  }

  /** Sends what may be sent. */
  pump(): void {
    const { clock, pacer, send, up } = this.#sending;
    const { maxSent, ready } = this.#options;
    if (this.#items.size === 0 || !up()) return;
    let wait = this.#notBefore - clock.now();
    if (wait <= 0) {
      for (const item of this.#items.values()) {
        if (this.#sent >= maxSent) break;
        if (item.sent || (item.room !== undefined && !ready(item.room))) continue;
        wait = pacer.wait();
        if (wait > 0) break;
        this.#sent++;
        item.sent = item.tried = true;
        send(item.frame);
      }
    }
    if (wait <= 0) return;
    this.#stop();
    this.#timer = clock.setTimeout(() => this.pump(), wait);
  }

  /** An answer has come. */
  answered(frame: ServerFrame & { id?: string }): void {
    this.#settle(frame.id ?? "")?.resolve(frame);
    this.pump();
  }

  /** A message of ours has come: one that was sent on a connection before is stored, and not sent again. */
  echoed({ id, room, seq }: ServerFrameOf<"room-message">): void {
    const item = this.#items.get(id);
    if (item === undefined || item.room !== room || item.sent || !item.tried) return;
    this.answered({ type: "ack", id, room, seq, duplicate: true });
  }

  /** One was refused. Says whether it was one of these. */
  refused({ id = "", code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const item = this.#items.get(id);
    if (item === undefined) return false;
    const later = LATER.includes(code) && (item.again || code === "rate_limited");
    if (!later || ++item.refusals >= this.#options.maxRefusals) {
      this.#settle(id)!.reject(new HopwireError(code, message));
    } else {
      // It and all of its room after it, in order, in a while: what was stored is known by its id.
      let after = false;
      for (const each of this.#items.values()) {
        after ||= each === item;
        if (!after || !each.sent || each.room !== item.room) continue;
        each.sent = false;
        this.#sent--;
      }
      if (code === "room_not_found") this.#sending.lost(item.room!);
      else this.#notBefore = this.#sending.clock.now() + (retryAfter ?? LATER_MS);
    }
    this.pump();
    return true;
  }

  /** The connection was lost: what has no answer is sent again, first. */
  lost(): void {
    this.#stop();
    this.#sent = this.#notBefore = 0;
    for (const item of [...this.#items.values()]) {
      const over = item.sent && !item.again;
      item.sent = false;
      if (over) {
        this.#settle(item.id)!.reject(new HopwireError("connection_lost", "lost meanwhile"));
      }
    }
  }

  /** Gives up those of one room, or all. */
  fail(error: HopwireError, room?: string): void {
    for (const item of [...this.#items.values()]) {
      if (room === undefined || item.room === room) this.#settle(item.id)!.reject(error);
    }
    if (this.#items.size === 0) this.#stop();
  }

  #settle(id: string): Item | undefined {
    const item = this.#items.get(id);
    if (item !== undefined) {
      this.#items.delete(id);
      this.#sending.clock.clearTimeout(item.timer);
      if (item.sent) this.#sent--;
    }
    return item;
  }

  #stop(): void {
    this.#sending.clock.clearTimeout(this.#timer);
  }
}
