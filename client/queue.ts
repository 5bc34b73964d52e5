/**
 * Messages on their way to the server: in order, a bounded number of them, no faster than the server
 * takes them, and sent again by id until they are acked or refused.
 *
 * @module
 */
import type { ServerFrameOf } from "../services/contract/frames.ts";
import { HopwireError } from "./errors.ts";
import type { Ack, Clock } from "./types.ts";

/** Messages that may be unacked at a time: what is sent again when a connection is lost. */
const MAX_IN_FLIGHT = 256;

/** The part of what the server takes that is used: its clock is not ours. */
const SHARE = 0.9;

/** How long to wait where the server says "later" without saying when, milliseconds. */
const LATER_MS = 1_000;

interface Item {
  id: string;
  room: string;
  frame: object;
  sent: boolean;
  resolve(ack: Ack): void;
  reject(error: unknown): void;
}

/** What a queue needs. */
export interface QueueDeps {
  clock: Clock;
  max: number;
  /** Whether frames can be sent. */
  up(): boolean;
  /** Whether messages of a room can be: the server knows, or is about to, that we are in it. */
  open(room: string): boolean;
  send(frame: object): void;
}

/** See the module's doc. */
export class Queue {
  readonly #deps: QueueDeps;
  readonly #items = new Map<string, Item>();
  #inFlight = 0;
  #timer: unknown;
  #notBefore = 0;
  #perMs = Infinity;
  #burst = Infinity;
  #tokens = Infinity;
  #filledAt = 0;

  constructor(deps: QueueDeps) {
    this.#deps = deps;
  }

  /** Takes a message in; resolves with its ack. */
  add(room: string, id: string, frame: object, signal?: AbortSignal): Promise<Ack> {
    if (signal?.aborted) return Promise.reject(signal.reason);
    if (this.#items.size >= this.#deps.max) {
      const words = `${this.#deps.max} messages wait to be sent`;
      return Promise.reject(new HopwireError("queue_full", words));
    }
    if (this.#items.has(id)) {
      return Promise.reject(new HopwireError("invalid_format", `id ${id} is under way already`));
    }
    return new Promise((resolve, reject) => {
      const aborted = () => this.#settle(id)?.reject(signal!.reason);
      signal?.addEventListener("abort", aborted);
      const done = <T>(settle: (value: T) => void) => (value: T) => {
        signal?.removeEventListener("abort", aborted);
        settle(value);
      };
      const item = { id, room, frame, sent: false, resolve: done(resolve), reject: done(reject) };
      this.#items.set(id, item);
      this.pump();
    });
  }

  /** A frame that is no message goes out, which counts as much. */
  took(): void {
    this.#refill();
    this.#tokens--;
  }

  /** What the server takes from now on. */
  limit(rate: { perSecond: number; burst: number } | undefined): void {
    this.#perMs = (rate?.perSecond ?? Infinity) * SHARE / 1_000;
    this.#burst = this.#tokens = (rate?.burst ?? Infinity) * SHARE;
    this.#filledAt = this.#deps.clock.now();
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

  /** A message was refused. Says whether it was one of ours. */
  refused({ id, code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const item = this.#items.get(id ?? "");
    if (item === undefined) return false;
    if (code !== "rate_limited" && code !== "unavailable") {
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
      this.#notBefore = this.#deps.clock.now() + (retryAfter ?? LATER_MS);
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
    if (this.#items.size === 0 || !this.#deps.up()) return;
    const now = this.#refill();
    let wait = this.#notBefore - now;
    if (wait <= 0) {
      wait = Infinity;
      for (const item of this.#items.values()) {
        if (this.#inFlight >= MAX_IN_FLIGHT) break;
        if (item.sent || !this.#deps.open(item.room)) continue;
        if (this.#tokens < 1) {
          wait = (1 - this.#tokens) / this.#perMs;
          break;
        }
        this.#tokens--;
        this.#inFlight++;
        item.sent = true;
        this.#deps.send(item.frame);
      }
    }
    if (wait === Infinity) return;
    this.#stop();
    this.#timer = this.#deps.clock.setTimeout(() => this.pump(), Math.ceil(wait));
  }

  #settle(id: string): Item | undefined {
    const item = this.#items.get(id);
    if (item !== undefined) {
      this.#items.delete(id);
      if (item.sent) this.#inFlight--;
    }
    return item;
  }

  #refill(): number {
    const now = this.#deps.clock.now();
    if (this.#perMs !== Infinity) {
      this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#filledAt) * this.#perMs);
    }
    this.#filledAt = now;
    return now;
  }

  #stop(): void {
    this.#deps.clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }
}
