/**
 * What a room knows of its members. A session implements it; a room knows no sessions.
 *
 * @module
 */
import type { Frame } from "../wire/frame.ts";
import type { FeedMember, FeedPeer } from "./feed.ts";

/** A member's session, as far as a room needs it. */
export interface MemberSession {
  readonly peer: FeedPeer;
  /** Whether the session has ended. A closed session receives nothing. */
  readonly closed: boolean;
  /** The user behind the session; null before authentication. */
  readonly identity: { readonly userId: string } | null;
  /** Sends a frame after everything that the member's rooms have queued for it. */
  sendFrame(frame: Frame): void;
}

/** One session's place in one room. */
export interface RoomMember extends FeedMember {
  readonly session: MemberSession;
  /** Whether the member's grant includes the `presence` right. */
  readonly seesPresence: boolean;
  /** Its index in the room's list of members; -1 while it is not in the list. */
  index: number;
}
