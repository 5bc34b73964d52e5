/**
 * A batch of frames that many members receive. The frames are joined once, and every member gets the
 * same bytes.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { type Frame, toServerSentEvent } from "./frame.ts";

/** See the module's doc. Immutable. Each encoding is built on first use and then shared. */
export class Batch {
  readonly frames: readonly Frame[];
  #wire: Uint8Array | null = null;
  #serverSentEvents: Uint8Array | null = null;

  /** `frames` must not be empty and must not change afterwards. */
  constructor(frames: readonly Frame[]) {
    this.frames = frames;
  }

  /** All frames as WebSocket frames, one after the other. Do not modify the bytes. */
  get wire(): Uint8Array {
    return this.#wire ??= this.frames.length === 1
      ? this.frames[0]!.wire
      : Buffer.concat(this.frames.map(({ wire }) => wire));
  }

  /** All frames as server-sent events, one after the other. Do not modify the bytes. */
  get serverSentEvents(): Uint8Array {
    return this.#serverSentEvents ??= Buffer.concat(this.frames.map(toServerSentEvent));
  }
}
