/**
 * The bounded queue of bytes to write to one socket: frames for its client alone and batches from its
 * rooms, in order. Each flush sends everything queued in one write.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import type { Batch } from "./batch.ts";
import type { FlushSchedule } from "./flush_schedule.ts";
import type { Frame } from "./frame.ts";
import { hopDurationsOf, TELEMETRY_ON } from "../../kit/mod.ts";
import { COUNTED_BYTES, type MemoryBudget } from "./memory_budget.ts";

/** Queued bytes above which droppable frames are skipped: a reader that keeps up queues far less. */
const DROP_ABOVE_BYTES = 64 * 1024;

/** Queued bytes from which a socket counts as congested, and below which it counts as drained. */
const CONGESTED_BYTES = 64 * 1024;

/** The outcome of `edge.fanout` for a reader whose socket was blocked. */
const SLOW_READER = "slow_reader";

/** The owner of an outbox. */
export interface OutboxOwner {
  /** The reader is too slow: the queue exceeded its limit and is discarded. Called once. */
  overflowed(): void;
}

/** See the module's doc. One per socket. */
export class Outbox {
  readonly #socket: Writable;
  readonly #schedule: FlushSchedule;
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  readonly #memory: MemoryBudget;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  /** The answer to the last ping. */
  #pong: Uint8Array | null = null;
  #closed = false;
  #scheduled = false;
  #blocked = false;

  /**
   * The outbox calls the owner's `overflowed` when more than `maxBytes` are queued, and reports to `memory`
   * what it queues for a slow reader.
   */
  constructor(
    socket: Writable,
    schedule: FlushSchedule,
    maxBytes: number,
    owner: OutboxOwner,
    memory: MemoryBudget,
  ) {
    this.#socket = socket;
    this.#schedule = schedule;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
    this.#memory = memory;
  }

  /** Bytes that are not sent yet: queued here or in the socket's own buffer. */
  get queuedBytes(): number {
    return this.#pendingBytes + this.#socket.writableLength;
  }

  /** Whether the reader is slow, so that work for it that can wait should wait. False once closed. */
  get congested(): boolean {
    return !this.#closed && !this.#socket.destroyed && this.queuedBytes >= CONGESTED_BYTES;
  }

  /** Whether droppable frames should be skipped: the reader is slow, or the outbox is closed. */
  get skipsDroppable(): boolean {
    return this.#closed || this.queuedBytes > DROP_ABOVE_BYTES;
  }

  /** Queues a frame. */
  push(frame: Frame): void {
    this.append(frame.wire);
  }

  /** Queues a batch that all members of a room receive. */
  pushBatch(batch: Batch): void {
    this.append(batch.wire);
  }

  /** Queues raw bytes. A closed outbox ignores them. */
  append(wire: Uint8Array): void {
    if (this.#closed || wire.length === 0) return;
    this.#pending.push(wire);
    this.#pendingBytes += wire.length;
    const queued = this.queuedBytes;
    if (queued > this.#maxBytes) return this.#overflow();
    if (queued > COUNTED_BYTES) this.#memory.grew(wire.length);
    this.#flushSoon();
  }

  /**
   * Queues the answer to a ping, in place of one that waits: of several pings the last must be answered
   * (RFC 6455, section 5.5.3). A client may send 350,000 pings in one turn of the event loop.
   */
  answer(pong: Uint8Array): void {
    if (this.#closed) return;
    this.#pong = pong;
    this.#flushSoon();
  }

  #flushSoon(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#schedule.addOutbox(this);
  }

  /** Queues bytes that may wait for the next flush, whatever causes it. */
  hold(wire: Uint8Array): void {
    this.#pending.push(wire);
    this.#pendingBytes += wire.length;
  }

  /** Writes everything queued, in one write. */
  flush(): void {
    this.#scheduled = false;
    if (this.#pong !== null) this.#takePong(this.#pong);
    const pending = this.#pending;
    if (pending.length === 0 || this.#closed) return;
    const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending, this.#pendingBytes);
    pending.length = 0;
    this.#pendingBytes = 0;
    if (this.#socket.destroyed) return;
    this.#schedule.bytesWritten += bytes.length;
    if (!this.#socket.write(bytes) && !this.#blocked) this.#block();
  }

  #takePong(pong: Uint8Array): void {
    this.#pong = null;
    if (this.queuedBytes + pong.length > this.#maxBytes) return this.#overflow();
    this.#pending.push(pong);
    this.#pendingBytes += pong.length;
  }

  /**
   * The socket has taken a write but cannot pass it on to the system, because the reader is slow. Measures
   * how long that lasts. Rare: a reader that keeps up never blocks it.
   */
  #block(): void {
    if (!TELEMETRY_ON) return;
    this.#blocked = true;
    const since = performance.now();
    const done = () => {
      this.#socket.off("drain", done);
      this.#socket.off("close", done);
      this.#blocked = false;
      hopDurationsOf().record("edge.fanout", (performance.now() - since) / 1_000, SLOW_READER);
    };
    this.#socket.on("drain", done);
    this.#socket.on("close", done);
  }

  /** Resolves when the outbox is no longer congested or the socket has closed. Never rejects. */
  drained(): Promise<void> {
    this.flush();
    if (this.#closed || this.#socket.destroyed || this.queuedBytes < CONGESTED_BYTES) {
      return Promise.resolve();
    }
    return new Promise((resolve) => {
      const done = () => {
        this.#socket.off("drain", done);
        this.#socket.off("close", done);
        resolve();
      };
      this.#socket.on("drain", done);
      this.#socket.on("close", done);
    });
  }

  /** Writes everything queued, then ignores further frames. */
  close(): void {
    this.flush();
    this.discard();
  }

  #overflow(): void {
    this.discard();
    this.#owner.overflowed();
  }

  /** Drops everything queued here, and ignores further frames. */
  discard(): void {
    this.#closed = true;
    this.#pong = null;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }
}
