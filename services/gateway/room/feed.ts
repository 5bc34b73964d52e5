/**
 * The fan-out of one room: the frames that its members have not received yet. A message enters the
 * feed once, whatever the number of members. Each flush hands every member the same bytes. So the cost
 * per member is one append per flush, and nothing per message.
 *
 * @module
 */
import { Batch } from "../wire/batch.ts";
import type { FlushSchedule } from "../wire/flush_schedule.ts";
import { type Frame, tracedFrame } from "../wire/frame.ts";

/** A member, as far as a feed needs it. */
export interface FeedMember {
  readonly session: { readonly peer: FeedPeer };
  /** How many of the queued frames the member must not get: it has them, or they precede its join. */
  feedPosition: number;
  /** Whether the member gets the trace contexts of recorded messages. */
  readonly seesTraces: boolean;
}

/** Frames of recorded messages: their trace contexts, or once somebody needed them, copies with those. */
type Traced = Map<Frame, string | Frame>;

/** A member's connection, as far as a feed needs it. */
export interface FeedPeer {
  /** Whether the reader is so slow that droppable frames should not be sent. */
  readonly skipsDroppable: boolean;
  /** Queues one frame. If that overflows the reader's buffer, the member leaves during the call. */
  send(frame: Frame): void;
  /** Queues a batch. The same holds as for {@link FeedPeer.send}. */
  sendBatch(batch: Batch): void;
}

/**
 * Bytes at which a feed is flushed at once, before its turn ends. It bounds what a feed holds, and
 * stays well below the 1 MiB that a reader may have queued (SEND_BUFFER_BYTES).
 */
const MAX_BYTES = 256 * 1024;

/** See the module's doc. One per room. */
export class Feed {
  readonly #members: readonly FeedMember[];
  readonly #schedule: FlushSchedule;
  #frames: Frame[] = [];
  /** The queued frames that slow readers may miss; null while there are none. */
  #droppable: Set<Frame> | null = null;
  /** The queued frames of recorded messages; null while there are none. */
  #traced: Traced | null = null;
  #bytes = 0;
  #queued = false;

  /** `members` is the room's own list. The feed reads it at each flush and never changes it. */
  constructor(members: readonly FeedMember[], schedule: FlushSchedule) {
    this.#members = members;
    this.#schedule = schedule;
  }

  /** How many frames are queued. A new member starts at this position. */
  get length(): number {
    return this.#frames.length;
  }

  /**
   * Queues a frame for all members. A `droppable` one is skipped for members that read slowly.
   * `traceparent` is for members that asked for it.
   */
  push(frame: Frame, droppable = false, traceparent?: string): void {
    if (this.#members.length === 0) return;
    this.#frames.push(frame);
    this.#bytes += frame.wire.length;
    if (traceparent !== undefined) (this.#traced ??= new Map()).set(frame, traceparent);
    if (droppable) (this.#droppable ??= new Set()).add(frame);
    if (this.#bytes >= MAX_BYTES) return this.#distribute();
    if (this.#queued) return;
    this.#queued = true;
    this.#schedule.addFeed(this);
  }

  /** Sends one member what is queued. Call it before sending a frame to that member alone. */
  flushTo(member: FeedMember): void {
    const from = member.feedPosition;
    if (from === this.#frames.length) return;
    // Set before sending: a send may overflow the reader, and closing its session flushes it again.
    member.feedPosition = this.#frames.length;
    sendFrom(member, this.#frames, from, this.#droppable, this.#traced);
  }

  /** Sends every member what is queued. */
  flush(): void {
    this.#queued = false;
    this.#distribute();
  }

  #distribute(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    const [droppable, traced] = [this.#droppable, this.#traced];
    this.#frames = [];
    this.#droppable = this.#traced = null;
    this.#bytes = 0;
    const all = new Batch(frames);
    let kept: Batch | null = null;
    let withTraces: Batch | null = null;
    const members = this.#members;
    // Backwards: a member whose reader overflows leaves at once, and the last member takes its index.
    for (let i = members.length - 1; i >= 0; i--) {
      const member = members[i]!;
      const { peer } = member.session;
      if (member.feedPosition > 0) {
        const from = member.feedPosition;
        member.feedPosition = 0;
        sendFrom(member, frames, from, droppable, traced);
      } else if (droppable !== null && peer.skipsDroppable) {
        kept ??= new Batch(frames.filter((frame) => !droppable.has(frame)));
        peer.sendBatch(kept);
      } else if (traced !== null && member.seesTraces) {
        withTraces ??= new Batch(frames.map((frame) => withTrace(frame, traced)));
        peer.sendBatch(withTraces);
      } else {
        peer.sendBatch(all);
      }
    }
  }
}

/** Sends a member the frames from an index on, one by one. */
function sendFrom(
  member: FeedMember,
  frames: readonly Frame[],
  from: number,
  droppable: Set<Frame> | null,
  traced: Traced | null,
): void {
  const { peer } = member.session;
  const copies = member.seesTraces ? traced : null;
  for (let i = from; i < frames.length; i++) {
    const frame = frames[i]!;
    if (droppable !== null && droppable.has(frame) && peer.skipsDroppable) continue;
    peer.send(copies === null ? frame : withTrace(frame, copies));
  }
}

/** Returns the copy of a frame for members that asked for traces. It is built once. */
function withTrace(frame: Frame, traced: Traced): Frame {
  const known = traced.get(frame);
  if (typeof known !== "string") return known ?? frame;
  const copy = tracedFrame(frame, known);
  traced.set(frame, copy);
  return copy;
}
