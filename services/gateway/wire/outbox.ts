/**
 * What waits to be written to a socket: what is for its client alone, and what rooms have for it, in
 * order. All that is pending when the schedule flushes goes out in one write.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import type { Writable } from "node:stream";
import type { Batch } from "./batch.ts";
import type { FlushSchedule } from "./flush_schedule.ts";
import type { Frame } from "./frame.ts";

/** Frames that may be dropped are, once so many bytes wait. */
const DROP_ABOVE_BYTES = 64 * 1024;

/** Below this a socket counts as drained. */
const DRAINED_BYTES = 64 * 1024;

/** Whom an outbox belongs to. */
export interface OutboxOwner {
  /** More waits than may; nothing more is taken. Called once. */
  overflowed(): void;
}

/** One socket's pending frames, bounded. */
export class Outbox {
  readonly #socket: Writable;
  readonly #schedule: FlushSchedule;
  readonly #maxBytes: number;
  readonly #owner: OutboxOwner;
  #pending: Uint8Array[] = [];
  #pendingBytes = 0;
  #closed = false;
  #queued = false;

  /** The owner is told when more than `maxBytes` wait for a reader that is too slow. */
  constructor(socket: Writable, schedule: FlushSchedule, maxBytes: number, owner: OutboxOwner) {
    this.#socket = socket;
    this.#schedule = schedule;
    this.#maxBytes = maxBytes;
    this.#owner = owner;
  }

  /** Bytes that wait: pending here, or in the socket's own buffer. */
  get waiting(): number {
    return this.#pendingBytes + this.#socket.writableLength;
  }

  /** Whether more waits than a reader that keeps up lets wait. */
  get behind(): boolean {
    return !this.#closed && !this.#socket.destroyed && this.waiting >= DRAINED_BYTES;
  }

  /** Whether the reader is so far behind that what may be dropped is. */
  get dropping(): boolean {
    return this.#closed || this.waiting > DROP_ABOVE_BYTES;
  }

  /** Appends a frame. */
  push(frame: Frame): void {
    this.append(frame.wire);
  }

  /** Appends what a room has for all of its members. */
  pushBatch(batch: Batch): void {
    this.append(batch.wire);
  }

  /** Appends bytes of a transport's own. */
  append(wire: Uint8Array): void {
    if (this.#closed || wire.length === 0) return;
    this.#pending.push(wire);
    this.#pendingBytes += wire.length;
    if (this.waiting > this.#maxBytes) return this.#overflow();
    if (this.#queued) return;
    this.#queued = true;
    this.#schedule.addOutbox(this);
  }

  /** Writes what is pending, in one write. */
  flush(): void {
    this.#queued = false;
    const pending = this.#pending;
    if (pending.length === 0 || this.#closed) return;
    const bytes = pending.length === 1 ? pending[0]! : Buffer.concat(pending, this.#pendingBytes);
    pending.length = 0;
    this.#pendingBytes = 0;
    if (!this.#socket.destroyed) this.#socket.write(bytes);
  }

  /** Resolves when little waits, or the socket has closed. */
  drained(): Promise<void> {
    this.flush();
    if (this.#closed || this.#socket.destroyed || this.waiting < DRAINED_BYTES) {
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

  /** Writes what is pending and takes nothing more. */
  close(): void {
    this.flush();
    this.#drop();
  }

  #overflow(): void {
    this.#drop();
    this.#owner.overflowed();
  }

  #drop(): void {
    this.#closed = true;
    this.#pending.length = 0;
    this.#pendingBytes = 0;
  }
}
