/**
 * Why something was refused or given up.
 *
 * @module
 */

/**
 * Codes of the SDK's own; the server's are in the protocol's table.
 * `closed`: the client was closed. `connection_lost`: while a call was under way. `left`: the room was
 * left. `queue_full`: too many messages wait. `too_slow`: an iterator was not read.
 */
export type ClientErrorCode = "closed" | "connection_lost" | "left" | "queue_full" | "too_slow";

/** An error with a stable code. */
export class HopwireError extends Error {
  override name = "HopwireError";
  /** One of {@link ClientErrorCode} or of the protocol's error codes. */
  readonly code: string;
  /** The code that the connection was closed with, where that is why. */
  readonly closeCode?: number;

  constructor(code: string, message: string, closeCode?: number) {
    super(message);
    this.code = code;
    this.closeCode = closeCode;
  }
}
