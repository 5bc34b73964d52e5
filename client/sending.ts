/**
 * What those need who send frames and wait for an answer.
 *
 * @module
 */
import type { Pacer } from "./pacer.ts";
import type { Clock } from "./types.ts";

/** See the module's doc. */
export interface Sending {
  clock: Clock;
  pacer: Pacer;
  /** Whether frames can be sent. */
  up(): boolean;
  /** Whether we are in a room; whether its messages can be sent, too. */
  inside(room: string): boolean;
  open(room: string): boolean;
  /** The server says that we are not in a room. */
  lost(room: string): void;
  /** Sends, and tells the pacer. */
  send(frame: object): void;
}
