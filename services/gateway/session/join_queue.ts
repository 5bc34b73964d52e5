/**
 * The rooms that a session is joining, with the frames that wait for each of them. No I/O.
 *
 * @module
 */
import { type ClientFrame, MAX_FRAMES_BEFORE_JOIN } from "../../contract/mod.ts";

/** See the module's doc. */
export class JoinQueue {
  readonly #rooms = new Map<string, ClientFrame[]>();
  #held = 0;

  /** Rooms that are being joined. */
  get size(): number {
    return this.#rooms.size;
  }

  /** Frames that wait, over all rooms. At most {@link MAX_FRAMES_BEFORE_JOIN}. */
  get held(): number {
    return this.#held;
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
    this.#rooms.set(room, []);
  }

  /** Holds a frame for a room that is being joined. Returns false, and holds nothing, when full. */
  hold(room: string, frame: ClientFrame): boolean {
    if (this.#held >= MAX_FRAMES_BEFORE_JOIN) return false;
    this.#held++;
    this.#rooms.get(room)!.push(frame);
    return true;
  }

  /** A join has ended. Returns the frames that waited for it, in order. */
  end(room: string): ClientFrame[] {
    const frames = this.#rooms.get(room) ?? [];
    this.#rooms.delete(room);
    this.#held -= frames.length;
    return frames;
  }
}
