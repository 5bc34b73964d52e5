/**
 * What a session needs of a transport. One adapter per transport implements it.
 *
 * @module
 */
import type { CloseName } from "../../contract/mod.ts";
import type { FeedPeer } from "../room/feed.ts";

/** A transport's connection, as a session sees it. */
export interface Peer extends FeedPeer {
  /** The client's address, for the quotas. */
  readonly address: string;
  /** Whether so much is queued for the client that work which can wait should wait. */
  readonly congested: boolean;
  /** Resolves when the connection is no longer congested or has closed. Never rejects. */
  drained(): Promise<void>;
  /** Stops reading from the client. */
  pause(): void;
  /** Reads from the client again. */
  resume(): void;
  /** Writes what is pending, then closes the connection. */
  close(name: CloseName): void;
}
