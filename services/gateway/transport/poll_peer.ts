/**
 * The way down by long polling: what waits is the answer of the next poll, and is kept until the poll
 * after it says that it came.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type CloseName, CLOSES } from "../../contract/mod.ts";
import type { Batch } from "../wire/batch.ts";
import type { Frame } from "../wire/frame.ts";
import { HttpPeer } from "./http_peer.ts";

/** Bytes of an answer's frames, but where the first alone has more: a page of history has 640 KiB, and NATS carries 1 MB. */
const MAX_ANSWER_BYTES = 256 * 1024;

/** How often an answer is given again, to who says that it did not come. */
const MAX_AGAIN = 20;

/** Above this frames that may be dropped are; below it the reader counts as drained. */
const BEHIND_BYTES = 64 * 1024;

const COMMA = new Uint8Array([44]);

/** A poll that waits. */
interface Waiting {
  answer(body: Uint8Array): void;
  since: number;
}

/** See the module's doc. */
export class PollPeer extends HttpPeer {
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #waiting: Waiting | null = null;
  /** The last answer and its number; sent again to who asks again. */
  #answer: Uint8Array | null = null;
  #number = 0;
  #closing: CloseName | null = null;
  #queued = false;
  #full = false;
  #again = 0;
  #leaving: ReturnType<typeof setTimeout> | undefined;
  #drained: PromiseWithResolvers<void> | null = null;

  send({ wire, start }: Frame): void {
    this.#append(wire.subarray(start));
  }

  sendBatch({ frames }: Batch): void {
    for (const frame of frames) this.send(frame);
  }

  get skipsDroppable(): boolean {
    return this.#closing !== null || this.#pendingBytes > BEHIND_BYTES;
  }

  get congested(): boolean {
    return this.#closing === null && this.#pendingBytes >= BEHIND_BYTES;
  }

  drained(): Promise<void> {
    if (!this.congested) return Promise.resolve();
    return (this.#drained ??= Promise.withResolvers()).promise;
  }

  /** Answers with nothing, so that what lies between does not think the request dead. */
  ping(): void {
    this.#answerNow();
  }

  /** Who polls is there; who does not has what a pong may take to come back. */
  silence(now: number): number {
    if (this.#waiting !== null) return now - this.#waiting.since;
    return this.deps.config.PING_INTERVAL_MS + now - this.lastSeen;
  }

  close(name: CloseName): void {
    this.#closing = name;
    this.#drained?.resolve();
    this.resume();
    this.#answerNow();
    // What is left is for the polls that come next, if any do. Who never said who it is keeps no place.
    const { PONG_TIMEOUT_MS } = this.deps.config;
    this.#leaving = setTimeout(
      () => this.gone(),
      this.session.identity === null ? 0 : PONG_TIMEOUT_MS,
    );
  }

  /**
   * Answers a poll, which says up to which answer all have come; resolves with the answer's JSON, at
   * once where there is something to tell. Of two polls at a time the first is answered with nothing.
   */
  poll(after: number): Promise<Uint8Array> {
    this.seen();
    this.#answerNow();
    if (after < this.#number && this.#answer !== null) {
      if (++this.#again > MAX_AGAIN) this.session.close("unavailable");
      return Promise.resolve(this.#answer);
    }
    this.#again = 0;
    return new Promise((answer) => {
      this.#waiting = { answer, since: performance.now() };
      if (this.#pending.length > 0 || this.#closing !== null) this.#answerNow();
    });
  }

  #append(json: Uint8Array): void {
    if (this.#closing !== null || this.#full) return;
    this.#pending.push(json);
    this.#pendingBytes += json.length;
    if (this.#pendingBytes > this.deps.config.SEND_BUFFER_BYTES) {
      // First: a session that closes gives what its rooms still have for it.
      this.#full = true;
      return this.overflowed();
    }
    if (this.#waiting === null || this.#queued) return;
    // What else comes in this turn goes along.
    this.#queued = true;
    setImmediate(() => {
      this.#queued = false;
      this.#answerNow();
    });
  }

  #answerNow(): void {
    const waiting = this.#waiting;
    if (waiting === null) return;
    this.#waiting = null;
    this.seen();
    const frames: Uint8Array[] = [];
    let bytes = 0;
    let parted = 0;
    for (const frame of this.#pending) {
      // And a comma each.
      if (frames.length > 0 && parted + frame.length + 1 > MAX_ANSWER_BYTES) break;
      bytes += frame.length;
      parted += frame.length + 1;
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
    const head = `{"session":"${this.key}","n":${++this.#number}${close},"frames":[`;
    const parts: Uint8Array[] = [Buffer.from(head)];
    for (const [index, frame] of frames.entries()) {
      if (index > 0) parts.push(COMMA);
      parts.push(frame);
    }
    parts.push(Buffer.from("]}"));
    this.#answer = Buffer.concat(parts);
    waiting.answer(this.#answer);
    if (ended) this.gone();
  }

  override gone(): void {
    this.#closing ??= "normal";
    clearTimeout(this.#leaving);
    this.#drained?.resolve();
    this.#pending.length = 0;
    this.#answer = null;
    super.gone();
  }
}
