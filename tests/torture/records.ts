/**
 * What a simulated user of the torture records for the judge.
 *
 * @module
 */

/** A received message. */
export interface ReceivedMessage {
  epoch: string;
  seq: number;
  id: string;
  userId: string;
  content: unknown;
  /** When it arrived, by `performance.now()`. */
  at?: number;
}

/** What a user knows about one room. */
export interface RoomView {
  /** Received messages, in order of arrival. */
  seen: ReceivedMessage[];
  /** The seq of the last message, or of the last subscription without recovery. */
  lastSeq: number;
  /** The epoch of the room's log; empty before the first subscription. */
  epoch: string;
  /** The seq of the first subscription: the user must receive everything after it. */
  from: number;
  /**
   * Positions in `seen` where a subscription began without recovery, or `prev` showed a gap in a
   * brief room, so that messages may be missing before them.
   */
  breaks: number[];
  subscribed: boolean;
  /** Whether the last `subscribe` was refused. The next tick repeats it. */
  refused: boolean;
  /** The members according to the last `presence`, then joins and leaves. */
  members: Set<string>;
}

/** A sent message, possibly acked. */
export interface Sent {
  room: string;
  id: string;
  content: string;
  ackedSeq: number | null;
  /** When the ack arrived, by `performance.now()`; Infinity before. */
  ackedAt: number;
}

/** Options of a simulated user. */
export interface UserOptions {
  /** Whether a subscription may begin without recovery. False by default: it is a fault. */
  mayLose?: boolean;
  /**
   * A room whose messages retention may delete before they arrive. There `prev` may name a message
   * that the user never received, so that it sees the gap.
   */
  brief?: string;
  /** Bytes added to the content of each message. */
  padding?: number;
}
