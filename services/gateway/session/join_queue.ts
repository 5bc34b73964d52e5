/**
 * The rooms that a session is joining, with the frames that wait for each of them. No I/O.
 *
 * @module
 */
import { type ClientFrame, MAX_FRAMES_BEFORE_JOIN } from "../../contract/mod.ts";

/** A frame that waits, and when it was read: a monotonic time in milliseconds. */
export interface HeldFrame {
  frame: ClientFrame;
  readAt: number;
}

/** See the module's doc. */
export class JoinQueue {
  readonly #rooms = new Map<string, { frames: HeldFrame[]; bytes: number }>();
  #held = 0;
  #heldBytes = 0;

  /** Rooms that are being joined. */
  get size(): number {
    return this.#rooms.size;
  }

  /** Frames that wait, over all rooms. At most {@link MAX_FRAMES_BEFORE_JOIN}. */
  get held(): number {
    return this.#held;
  }

  /** Bytes of the frames that wait, as they were received. */
  get heldBytes(): number {
    return this.#heldBytes;
  }

  /** Whether a room is being joined. */
  has(room: string): boolean {
    return this.#rooms.has(room);
  }

  /** How many of the rooms satisfy `test`. */
  countWhere(test: (room: string) => boolean): number {
    let count = 0;
    for (const room of this.#rooms.keys()) if (test(room)) count++;
    return count;
  }

  /** A join has begun. */
  begin(room: string): void {
    this.#rooms.set(room, { frames: [], bytes: 0 });
  }

  /** Holds a frame for a room that is being joined. Returns false, and holds nothing, when full. */
  hold(room: string, frame: ClientFrame, bytes: number, readAt: number): boolean {
    if (this.#held >= MAX_FRAMES_BEFORE_JOIN) return false;
    const waiting = this.#rooms.get(room)!;
    waiting.frames.push({ frame, readAt });
    waiting.bytes += bytes;
    this.#held++;
    this.#heldBytes += bytes;
    return true;
  }

  /** A join has ended. Returns the frames that waited for it, in order. */
  end(room: string): HeldFrame[] {
    const { frames, bytes } = this.#rooms.get(room) ?? { frames: [], bytes: 0 };
    this.#rooms.delete(room);
    this.#held -= frames.length;
    this.#heldBytes -= bytes;
    return frames;
  }
}
