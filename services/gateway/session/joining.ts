/**
 * The joins that one session has under way, and the frames that wait for them.
 *
 * @module
 */
import type { ClientFrame } from "../../contract/mod.ts";
import { JoinQueue } from "./join_queue.ts";
import type { PauseReason } from "./reading/read_pauses.ts";

/** Joins under way at which a session is not read from until one of them has ended. */
const MAX_JOINS = 32;

/** A session, as its joins need it. */
export interface JoiningSession {
  readonly reading: { pause(reason: PauseReason): void; resume(reason: PauseReason): void };
  /** When the frame that is being executed was read. */
  readAt: number;
  /** Executes a frame. */
  accept(frame: ClientFrame): void;
}

/** See the module's doc. */
export class Joining {
  readonly #session: JoiningSession;
  /** Created with the first join: most sessions join few rooms and stay, and a map is 200 bytes. */
  #queue: JoinQueue | null = null;

  constructor(session: JoiningSession) {
    this.#session = session;
  }

  /** Bytes of the frames that wait. */
  get heldBytes(): number {
    return this.#queue?.heldBytes ?? 0;
  }

  /** How many of the rooms being joined satisfy `test`. */
  countWhere(test: (room: string) => boolean): number {
    return this.#queue?.countWhere(test) ?? 0;
  }

  /** Whether a room is being joined. Frames for that room wait; see {@link Joining.hold}. */
  has(room: string): boolean {
    return this.#queue?.has(room) === true;
  }

  /** Marks a room as being joined, until {@link Joining.ended}. */
  began(room: string): void {
    const queue = this.#queue ??= new JoinQueue();
    queue.begin(room);
    if (queue.size >= MAX_JOINS) this.#session.reading.pause("joins");
  }

  /**
   * Holds a frame until its room has been joined. The socket is not read while any frame waits. Returns
   * false, and holds nothing, when too many frames wait.
   */
  hold(room: string, frame: ClientFrame, bytes: number): boolean {
    if (!this.#queue!.hold(room, frame, bytes, this.#session.readAt)) return false;
    this.#session.reading.pause("frames");
    return true;
  }

  /** Runs the frames that waited for a room, in order. The join has succeeded or failed. */
  ended(room: string): void {
    const queue = this.#queue!;
    const held = queue.end(room);
    if (queue.size === 0) this.#queue = null;
    for (const { frame, readAt } of held) {
      this.#session.readAt = readAt;
      this.#session.accept(frame);
    }
    if ((this.#queue?.held ?? 0) === 0) this.#session.reading.resume("frames");
    if ((this.#queue?.size ?? 0) < MAX_JOINS) this.#session.reading.resume("joins");
  }
}
