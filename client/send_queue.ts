/**
 * A queue of frames that the server answers by their id: messages by acknowledgements, requests by
 * results. The queue is bounded, sends in order and below the rate limit, and sends again on the next
 * connection what may be sent twice.
 *
 * @module
 */
import type { ServerFrame, ServerFrameOf } from "../services/contract/frames.ts";
import { abortable, type Resolvers } from "./abortable.ts";
import { DEFAULT_RETRY_AFTER_MS } from "./backoff.ts";
import { HopwireError } from "./errors.ts";
import type { Clock } from "./options.ts";
import type { Pacer } from "./pacer.ts";

/** Error codes that say "later" rather than "no". */
const TEMPORARY_CODES = ["rate_limited", "unavailable", "room_not_found"];

/** A frame to send, and how to treat it. */
export interface OutgoingFrame {
  /** The frame's id, which the answer carries. */
  id: string;
  /** The room that must be joined before the frame may be sent. */
  room?: string;
  /** The frame, or its text. */
  frame: object | string;
  /** Whether it may be sent twice. Only then does it survive a loss of the connection. */
  resendable: boolean;
  /** Milliseconds after which it is given up, sent or not. */
  timeout?: number;
  /** Gives it up when it aborts. */
  signal?: AbortSignal;
  /**
   * Called with the answer before any later frame is handled. Code that awaits the promise may see
   * later frames first.
   */
  onAnswer?: (answer: ServerFrame) => void;
  /** Called when it is first sent. */
  onSent?: (() => void) | undefined;
}

interface Entry extends OutgoingFrame, Resolvers<ServerFrame> {
  /** Whether it was sent on this connection and has no answer yet. */
  inFlight: boolean;
  /** Whether it was ever sent. */
  wasSent: boolean;
  /** How often the server put it off. */
  deferrals: number;
  timer: unknown;
}

/** What a queue needs to send frames. */
export interface FrameSender {
  /** The source of time. */
  clock: Clock;
  /** The rate limit that all queues of a client share. */
  pacer: Pacer;
  /** Whether the connection is up. */
  isConnected(): boolean;
  /** Sends a frame, or its text, and counts it in the pacer. */
  send(frame: object | string): void;
  /** The server says that the client is not in this room. */
  notInRoom(room: string): void;
}

/** The bounds of a queue. */
export interface SendQueueOptions {
  /** What the queue holds, for error messages. */
  label: string;
  /** Most entries, sent or not. One more is refused with `queue_full`. */
  maxEntries: number;
  /** Most entries that are sent and unanswered. */
  maxInFlight: number;
  /** How often the server may put one entry off before it fails. */
  maxDeferrals: number;
  /** Whether frames of a room may be sent now. */
  canSend(room: string): boolean;
}

/** A queue of frames of one kind. */
export class SendQueue {
  readonly #sender: FrameSender;
  readonly #options: SendQueueOptions;
  readonly #entries = new Map<string, Entry>();
  #inFlight = 0;
  #timer: unknown;
  /** The time before which nothing is sent, because the server asked for a pause. */
  #pausedUntil = 0;

  constructor(sender: FrameSender, options: SendQueueOptions) {
    this.#sender = sender;
    this.#options = options;
  }

  /**
   * Adds a frame. Resolves with the server's answer.
   *
   * @throws {HopwireError} the server's error; `queue_full`; `invalid_format` if the id is in use;
   * `timeout`; `connection_lost` if it may not be sent twice
   */
  add(outgoing: OutgoingFrame): Promise<ServerFrame> {
    const { id, timeout, signal, onAnswer } = outgoing;
    const { maxEntries, label } = this.#options;
    const giveUp = (error: unknown) => {
      this.#remove(id)?.reject(error);
      this.flush();
    };
    return abortable<ServerFrame>(signal, () => giveUp(signal!.reason), ({ resolve, reject }) => {
      if (this.#entries.size >= maxEntries) {
        return reject(new HopwireError("queue_full", `${maxEntries} ${label} are waiting already`));
      }
      if (this.#entries.has(id)) {
        return reject(new HopwireError("invalid_format", `id ${id} is waiting for an answer`));
      }
      this.#entries.set(id, {
        ...outgoing,
        inFlight: false,
        wasSent: false,
        deferrals: 0,
        timer: timeout && this.#sender.clock.setTimeout(
          () => giveUp(new HopwireError("timeout", `no answer within ${timeout} ms`)),
          timeout,
        ),
        reject,
        resolve(answer) {
          onAnswer?.(answer);
          resolve(answer);
        },
      });
      this.flush();
    });
  }

  /** Sends as many entries as may be sent now, and schedules the rest. */
  flush(): void {
    const { clock, pacer } = this.#sender;
    const { maxInFlight, canSend } = this.#options;
    if (this.#entries.size === 0 || !this.#sender.isConnected()) return;
    let wait = this.#pausedUntil - clock.now();
    if (wait <= 0) {
      for (const entry of this.#entries.values()) {
        if (this.#inFlight >= maxInFlight) break;
        if (entry.inFlight || (entry.room !== undefined && !canSend(entry.room))) continue;
        wait = pacer.delay();
        if (wait > 0) break;
        this.#inFlight++;
        entry.inFlight = true;
        this.#sender.send(entry.frame);
        if (!entry.wasSent) entry.onSent?.();
        entry.wasSent = true;
      }
    }
    if (wait <= 0) return;
    this.#cancelFlush();
    this.#timer = clock.setTimeout(() => this.flush(), wait);
  }

  /** Resolves the entry that `frame` answers. */
  handleAnswer(frame: ServerFrame & { id?: string }): void {
    this.#remove(frame.id ?? "")?.resolve(frame);
    this.flush();
  }

  /**
   * A message of this user arrived. If it was sent on an earlier connection and its acknowledgement
   * got lost, this proves that it is stored: it is not sent again.
   */
  handleEcho({ id, room, seq }: ServerFrameOf<"room-message">): void {
    const entry = this.#entries.get(id);
    if (entry === undefined || entry.room !== room || entry.inFlight || !entry.wasSent) return;
    this.handleAnswer({ type: "ack", id, room, seq, duplicate: true });
  }

  /** The server refused an entry. Puts it off or rejects it. Returns whether it was in this queue. */
  handleError({ id = "", code, message, retryAfter }: ServerFrameOf<"error">): boolean {
    const entry = this.#entries.get(id);
    if (entry === undefined) return false;
    const isTemporary = TEMPORARY_CODES.includes(code) &&
      (entry.resendable || code === "rate_limited");
    if (!isTemporary || ++entry.deferrals >= this.#options.maxDeferrals) {
      this.#remove(id)!.reject(new HopwireError(code, message));
    } else {
      this.#requeueFrom(entry);
      if (code === "room_not_found") this.#sender.notInRoom(entry.room!);
      else {
        this.#pausedUntil = this.#sender.clock.now() + (retryAfter ?? DEFAULT_RETRY_AFTER_MS);
      }
    }
    this.flush();
    return true;
  }

  /** The connection ended. Unanswered entries are sent again on the next one, or rejected. */
  handleDisconnect(): void {
    this.#cancelFlush();
    this.#inFlight = this.#pausedUntil = 0;
    for (const entry of [...this.#entries.values()]) {
      const wasInFlight = entry.inFlight;
      entry.inFlight = false;
      if (wasInFlight && !entry.resendable) {
        const error = new HopwireError("connection_lost", "the connection ended before the answer");
        this.#remove(entry.id)!.reject(error);
      }
    }
  }

  /** Rejects the entries of one room, or all entries. */
  rejectAll(error: HopwireError, room?: string): void {
    for (const entry of [...this.#entries.values()]) {
      if (room === undefined || entry.room === room) this.#remove(entry.id)!.reject(error);
    }
    if (this.#entries.size === 0) this.#cancelFlush();
  }

  /**
   * Marks an entry and all later ones of its room as unsent, which keeps their order. Those that the
   * server has stored meanwhile it recognizes by their id.
   */
  #requeueFrom(first: Entry): void {
    let reached = false;
    for (const entry of this.#entries.values()) {
      reached ||= entry === first;
      if (!reached || !entry.inFlight || entry.room !== first.room) continue;
      entry.inFlight = false;
      this.#inFlight--;
    }
  }

  #remove(id: string): Entry | undefined {
    const entry = this.#entries.get(id);
    if (entry !== undefined) {
      this.#entries.delete(id);
      this.#sender.clock.clearTimeout(entry.timer);
      if (entry.inFlight) this.#inFlight--;
    }
    return entry;
  }

  #cancelFlush(): void {
    this.#sender.clock.clearTimeout(this.#timer);
  }
}
