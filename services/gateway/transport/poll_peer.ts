/**
 * Sends frames by long polling. Queued frames are the answer to the next poll. The gateway keeps each
 * answer until the client acknowledges it with the poll after that.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type CloseName, CLOSES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import type { Frame } from "../wire/frame.ts";
import { COUNTED_BYTES } from "../wire/memory_budget.ts";
import { HttpPeer } from "./http_peer.ts";

/**
 * Bytes of frames in one answer. A larger first frame is sent alone: a page of history has up to
 * 640 KiB. Forwarded answers must stay below the 1 MB that NATS carries.
 */
const MAX_ANSWER_BYTES = 256 * 1024;

/** How often one answer is sent again. A client that never acknowledges it is closed. */
const MAX_REPEATS = 20;

/** Queued bytes from which the client counts as slow, and above which droppable frames are skipped. */
const CONGESTED_BYTES = 64 * 1024;

const COMMA = new Uint8Array([44]);

/** A poll that the gateway holds open. */
interface OpenPoll {
  /** Answers it with JSON. */
  answer(body: Uint8Array): void;
  /** When it arrived, a monotonic time in milliseconds. */
  since: number;
}

/** See the module's doc. */
export class PollPeer extends HttpPeer {
  readonly transport = "polling";
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #openPoll: OpenPoll | null = null;
  /** The last answer, kept until the client acknowledges its number. */
  #lastAnswer: Uint8Array | null = null;
  #lastNumber = 0;
  #repeats = 0;
  #closing: CloseName | null = null;
  #answerScheduled = false;
  #hasOverflowed = false;
  #ended = false;
  #closeTimer: ReturnType<typeof setTimeout> | undefined;
  #drained: PromiseWithResolvers<void> | null = null;

  protected get queuedBytes(): number {
    return this.#pendingBytes + (this.#lastAnswer?.length ?? 0);
  }

  drop(name: CloseName): void {
    // Later polls find no session, and no memory waits for them.
    this.#hasOverflowed = true;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
    this.session.close(name);
    this.disconnected();
  }

  send({ wire, start }: Frame): void {
    this.#append(wire.subarray(start));
  }

  sendBatch({ frames }: Batch): void {
    for (const frame of frames) this.send(frame);
  }

  get skipsDroppable(): boolean {
    return this.#closing !== null || this.#pendingBytes > CONGESTED_BYTES;
  }

  get congested(): boolean {
    return this.#closing === null && this.#pendingBytes >= CONGESTED_BYTES;
  }

  drained(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return (this.#drained ??= Promise.withResolvers()).promise;
  }

  /** Answers the open poll without frames, so that proxies do not time it out. */
  ping(): void {
    this.#answerNow();
  }

  /**
   * Counts from the arrival of the open poll. Without one the client is overdue at once, and has as long
   * to poll again as a WebSocket client has to answer a ping.
   */
  silence(now: number): number {
    if (this.#openPoll !== null) return now - this.#openPoll.since;
    return this.deps.config.PING_INTERVAL_MS + now - this.lastActivity;
  }

  close(name: CloseName): void {
    this.closeCode = CLOSES[name].code;
    this.#closing = name;
    this.#drained?.resolve();
    this.resume();
    this.#answerNow();
    if (this.#ended) return;
    // Later polls fetch what is left. An unauthenticated session ends at once, to free its place.
    const { PONG_TIMEOUT_MS } = this.deps.config;
    this.#closeTimer = setTimeout(
      () => this.disconnected(),
      this.session.identity === null ? 0 : PONG_TIMEOUT_MS,
    );
  }

  /**
   * Takes a poll that acknowledges all answers up to the number `acknowledged`. Resolves with the JSON
   * of the answer, as soon as there are frames. A poll that is still open is answered without frames.
   * Never rejects.
   */
  poll(acknowledged: number): Promise<Uint8Array> {
    this.noteActivity();
    // A poll is the client's own action, as a frame is.
    this.session.lastActionAt = this.lastActivity;
    this.#answerNow();
    if (acknowledged < this.#lastNumber && this.#lastAnswer !== null) {
      if (++this.#repeats > MAX_REPEATS) this.session.close("unavailable");
      return Promise.resolve(this.#lastAnswer);
    }
    this.#repeats = 0;
    return new Promise((answer) => {
      this.#openPoll = { answer, since: performance.now() };
      if (this.#pending.length > 0 || this.#closing !== null) this.#answerNow();
    });
  }

  #append(json: Uint8Array): void {
    if (this.#closing !== null || this.#hasOverflowed) return;
    this.#pending.push(json);
    this.#pendingBytes += json.length;
    if (this.#pendingBytes > this.deps.config.SEND_BUFFER_BYTES) {
      // Set first: a closing session flushes its rooms, which appends again.
      this.#hasOverflowed = true;
      return this.overflowed();
    }
    if (this.#pendingBytes > COUNTED_BYTES) this.deps.memory.grew(json.length);
    if (this.#openPoll === null || this.#answerScheduled) return;
    // Frames that follow in the same turn join the answer.
    this.#answerScheduled = true;
    setImmediate(() => {
      this.#answerScheduled = false;
      this.#answerNow();
    });
  }

  /** Answers the open poll, if any, with as many of the queued frames as fit. */
  #answerNow(): void {
    const poll = this.#openPoll;
    if (poll === null) return;
    this.#openPoll = null;
    this.noteActivity();
    const frames: Uint8Array[] = [];
    let bytes = 0;
    let bytesWithCommas = 0;
    for (const frame of this.#pending) {
      if (frames.length > 0 && bytesWithCommas + frame.length + 1 > MAX_ANSWER_BYTES) break;
      bytes += frame.length;
      bytesWithCommas += frame.length + 1;
      frames.push(frame);
    }
    this.#pending.splice(0, frames.length);
    this.#pendingBytes -= bytes;
    if (!this.congested) {
      this.#drained?.resolve();
      this.#drained = null;
    }
    const ended = this.#closing !== null && this.#pending.length === 0;
    const close = ended ? `,"close":${JSON.stringify(CLOSES[this.#closing!])}` : "";
    const head = `{"session":"${this.key}","n":${++this.#lastNumber}${close},"frames":[`;
    const parts: Uint8Array[] = [Buffer.from(head)];
    for (const [index, frame] of frames.entries()) {
      if (index > 0) parts.push(COMMA);
      parts.push(frame);
    }
    parts.push(Buffer.from("]}"));
    this.#lastAnswer = Buffer.concat(parts);
    this.deps.flushes.bytesWritten += this.#lastAnswer.length;
    poll.answer(this.#lastAnswer);
    if (ended) this.disconnected();
  }

  override disconnected(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#closing ??= "normal";
    clearTimeout(this.#closeTimer);
    this.#drained?.resolve();
    this.#pending.length = 0;
    this.#lastAnswer = null;
    super.disconnected();
  }
}
