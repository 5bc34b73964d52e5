/**
 * Frames that go to many members together: joined once, then the same bytes for all of them.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import { eventOf, type Frame } from "./frame.ts";

/** See the module's doc. Never changed once it is made. */
export class Batch {
  readonly frames: readonly Frame[];
  #wire: Uint8Array | null = null;
  #events: Uint8Array | null = null;

  constructor(frames: readonly Frame[]) {
    this.frames = frames;
  }

  /** The bytes of all frames, one after the other. */
  get wire(): Uint8Array {
    return this.#wire ??= this.frames.length === 1
      ? this.frames[0]!.wire
      : Buffer.concat(this.frames.map(({ wire }) => wire));
  }

  /** The same as server-sent events. */
  get events(): Uint8Array {
    return this.#events ??= Buffer.concat(this.frames.map(eventOf));
  }
}
