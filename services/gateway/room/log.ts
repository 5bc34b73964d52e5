/**
 * What a gateway knows of one stream of the log.
 *
 * @module
 */
import type { Anchors } from "./anchors.ts";

/** One stream of the log, as far as a gateway knows it. */
export interface Log {
  /** The stream's name. */
  readonly stream: string;
  /** What this gateway has received of it. */
  readonly anchors: Anchors;
  /** How many streams the log has, as this one says; null until it has been found. */
  readonly streams: number | null;
  /** No seq of this stream reaches this one: such a message is in a stream that took rooms from it. */
  readonly end: number;
  /** The log's epoch; null until the stream has been found. */
  readonly epoch: string | null;
  /** Whether it has been found since the last (re)connect, and persistence has confirmed it or is away. */
  readonly found: boolean;
  /** Resolves when the stream has been found, or after `deadline` milliseconds without it. */
  waitUntilFound(deadline: number): Promise<void>;
  /**
   * Returns whether persistence has compared the log with the archive since the last (re)connect to NATS,
   * after `deadline` milliseconds at most. Before, nobody can promise that a client has recovered.
   */
  waitUntilConfirmed(deadline: number): Promise<boolean>;
  /**
   * For how long the stream has answered since the last (re)connect without being confirmed, milliseconds; 0
   * while it does not answer, because then nothing can be published either.
   */
  readonly unconfirmedMs: number;
  /** Registers a callback for each reconnect to NATS that found the same log. */
  onReconnected(callback: () => void): void;
  /** Registers a callback for a log that was replaced or has lost messages. It gets the reason. */
  onReplaced(callback: (reason: string) => void): void;
  /** Checks in the background whether the log is still the same one; `soon`: also if it was just done. */
  checkIdentity(soon?: boolean): void;
  /** Resolves when the stream has been read again from now on, or after `deadline` milliseconds. */
  readAgain(deadline: number): Promise<void>;
  /** Stops looking for the stream. */
  stop(): void;
}
