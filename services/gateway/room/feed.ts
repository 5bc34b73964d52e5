/**
 * What a room has for its members since they were last flushed. A message is put here once, whatever
 * the number of members; each flush gives all of them the same bytes. So a message costs a member
 * nothing, and a flush costs it one append.
 *
 * @module
 */
import { Batch } from "../wire/batch.ts";
import type { FlushSchedule } from "../wire/flush_schedule.ts";
import type { Frame } from "../wire/frame.ts";

/** What a feed needs of a member. */
export interface FeedMember {
  readonly session: { readonly peer: FeedPeer };
  /** Frames of the feed that it has been given already, or that came before it. */
  fed: number;
}

/** What a feed needs of a transport. */
export interface FeedPeer {
  /** Whether the reader is so far behind that what may be dropped is. */
  readonly dropping: boolean;
  send(frame: Frame): void;
  sendBatch(batch: Batch): void;
}

/** Bytes after which a feed is given out at once. */
const MAX_BYTES = 256 * 1024;

/** See the module's doc. One a room. */
export class Feed {
  readonly #members: readonly FeedMember[];
  readonly #schedule: FlushSchedule;
  #frames: Frame[] = [];
  /** Which of them may be dropped; null while none may. */
  #droppable: Set<Frame> | null = null;
  #bytes = 0;
  #queued = false;

  constructor(members: readonly FeedMember[], schedule: FlushSchedule) {
    this.#members = members;
    this.#schedule = schedule;
  }

  /** How many frames wait to be given out: where who becomes a member begins. */
  get length(): number {
    return this.#frames.length;
  }

  /** Puts in a frame. One that may be dropped is, for members that are behind. */
  push(frame: Frame, droppable = false): void {
    if (this.#members.length === 0) return;
    this.#frames.push(frame);
    this.#bytes += frame.wire.length;
    if (droppable) (this.#droppable ??= new Set()).add(frame);
    if (this.#bytes >= MAX_BYTES) return this.#distribute();
    if (this.#queued) return;
    this.#queued = true;
    this.#schedule.addFeed(this);
  }

  /** Gives one member what waits, before something that is for it alone. */
  flushTo(member: FeedMember): void {
    const from = member.fed;
    if (from === this.#frames.length) return;
    // Before it is given: what is given may be too much for its reader, who is then closed, and pulled again.
    member.fed = this.#frames.length;
    give(member, this.#frames, from, this.#droppable);
  }

  /** Gives every member what waits. */
  flush(): void {
    this.#queued = false;
    this.#distribute();
  }

  #distribute(): void {
    const frames = this.#frames;
    if (frames.length === 0) return;
    const droppable = this.#droppable;
    this.#frames = [];
    this.#droppable = null;
    this.#bytes = 0;
    const all = new Batch(frames);
    let kept: Batch | null = null;
    const members = this.#members;
    // Backwards: a member whose socket overflows leaves at once, and the last one takes its place.
    for (let i = members.length - 1; i >= 0; i--) {
      const member = members[i]!;
      const { peer } = member.session;
      if (member.fed > 0) {
        const from = member.fed;
        member.fed = 0;
        give(member, frames, from, droppable);
      } else if (droppable !== null && peer.dropping) {
        kept ??= new Batch(frames.filter((frame) => !droppable.has(frame)));
        peer.sendBatch(kept);
      } else {
        peer.sendBatch(all);
      }
    }
  }
}

/** Gives a member these frames from one on, one by one. */
function give(
  member: FeedMember,
  frames: readonly Frame[],
  from: number,
  droppable: Set<Frame> | null,
): void {
  const { peer } = member.session;
  for (let i = from; i < frames.length; i++) {
    const frame = frames[i]!;
    if (droppable === null || !droppable.has(frame) || !peer.dropping) peer.send(frame);
  }
}
