/**
 * Messages on their way to the server: in order, a bounded number of them, no faster than the server
 * takes them, and sent again by id until they are acked or refused.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Sending } from "./sending.ts";
import { type Settling, settling } from "./settling.ts";
import type { Ack } from "./types.ts";

/** Messages that may be unacked at a time: what is sent again when a connection is lost. */
const MAX_IN_FLIGHT = 256;

/** How long to wait where the server says "later" without saying when, milliseconds. */
const LATER_MS = 1_000;

/** Refusals that pass: the message is sent again. */
const LATER = ["rate_limited", "unavailable", "room_not_found"];

interface Item extends Settling<Ack> {
  id: string;
  room: string;
  frame: object;
  /** Whether it is on its way on this connection, and whether it ever was. */
  sent: boolean;
  tried: boolean;
}

/** See the module's doc. */
export class Queue {
  readonly #deps: Sending;
  readonly #max: number;
  readonly #items = new Map<string, Item>();
  #inFlight = 0;
  #timer: unknown;
  #notBefore = 0;

  /** `max`: messages that may wait. */
  constructor(deps: Sending, max: number) {
    this.#deps = deps;
    this.#max = max;
  }

  /** Takes a message in; resolves with its ack. */
  add(room: string, id: string, frame: object, signal?: AbortSignal): Promise<Ack> {
    const aborted = () => {
      this.#settle(id)?.reject(signal!.reason);
      this.pump();
    };
    return settling<Ack>(signal, aborted, (settle) => {
      if (this.#items.size >= this.#max) {
        const words = `${this.#max} messages wait to be sent`;
        return settle.reject(new HopwireError("queue_full", words));
      }
      if (this.#items.has(id)) {
        return settle.reject(new HopwireError("invalid_format", `id ${id} is under way already`));
      }
      this.#items.set(id, { id, room, frame, sent: false, tried: false, ...settle });
      this.pump();
    });
  }

  /** The connection was lost: what has no ack is sent again, first. */
  unsend(): void {
    for (const item of this.#items.values()) item.sent = false;
    this.#inFlight = 0;
    this.#notBefore = 0;
    this.#stop();
  }

  acked({ id, room, seq, duplicate }: ServerFrameOf<"ack">): void {
    this.#settle(id)?.resolve({ id, room, seq, duplicate: duplicate === true });
    this.pump();
  }

  /** A message of ours has come: one that was sent on a connection before is stored, and not sent again. */
  echoed({ id, room, seq }: ServerFrameOf<"room-message">): void {
    const item = this.#items.get(id);
    if (item === undefined || item.room !== room || item.sent || !item.tried) return;
    this.#settle(id)!.resolve({ id, room, seq, duplicate: true });
  }

  /** A message was refused. Says whether it was one of ours. */
  refused({ id, code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const item = this.#items.get(id ?? "");
    if (item === undefined) return false;
    if (!LATER.includes(code)) {
      this.#settle(item.id)!.reject(new HopwireError(code, message));
    } else {
      // It and all after it, in order, in a while: those that were stored are known by their ids.
      let after = false;
      for (const each of this.#items.values()) {
        after ||= each === item;
        if (!after || !each.sent || each.room !== item.room) continue;
        each.sent = false;
        this.#inFlight--;
      }
      if (code === "room_not_found") this.#deps.lost(item.room);
      else this.#notBefore = this.#deps.clock.now() + (retryAfter ?? LATER_MS);
    }
    this.pump();
    return true;
  }

  /** Gives up the messages of one room, or all. */
  fail(error: HopwireError, room?: string): void {
    for (const item of [...this.#items.values()]) {
      if (room === undefined || item.room === room) this.#settle(item.id)!.reject(error);
    }
    if (this.#items.size === 0) this.#stop();
  }

  /** Sends what may be sent. */
  pump(): void {
    const { clock, pacer, open, send, up } = this.#deps;
    if (this.#items.size === 0 || !up()) return;
    let wait = this.#notBefore - clock.now();
    if (wait <= 0) {
      for (const item of this.#items.values()) {
        if (this.#inFlight >= MAX_IN_FLIGHT) break;
        if (item.sent || !open(item.room)) continue;
        wait = pacer.wait();
        if (wait > 0) break;
        this.#inFlight++;
        item.sent = item.tried = true;
        send(item.frame);
      }
    }
    if (wait <= 0) return;
    this.#stop();
    this.#timer = clock.setTimeout(() => this.pump(), wait);
  }

  #settle(id: string): Item | undefined {
    const item = this.#items.get(id);
    if (item !== undefined) {
      this.#items.delete(id);
      if (item.sent) this.#inFlight--;
    }
    return item;
  }

  #stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
