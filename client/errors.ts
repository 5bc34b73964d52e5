/**
 * The client's error class and its codes.
 *
 * @module
 */

/**
 * Error codes that the client itself uses. The server's codes are listed in PROTOCOL.md.
 *
 * `closed`: the client is closed. `connection_lost`: the connection ended during a call, and the
 * service may or may not have done the work. `left`: the room was left. `kicked`: an operator took this
 * user out of the room, which may join again. `banned`: an operator banned it. `queue_full`: too many
 * frames are waiting. `too_slow`: an iterator fell too far behind. `invalid_content`: what arrived does
 * not match the application's schema. `no_websocket`: the platform has no WebSocket, and the options
 * name none.
 */
export type ClientErrorCode =
  | "banned"
  | "closed"
  | "connection_lost"
  | "invalid_content"
  | "kicked"
  | "left"
  | "no_websocket"
  | "queue_full"
  | "too_slow";

/** An error with a stable code. */
export class HopwireError extends Error {
  /** Always `HopwireError`. */
  override name = "HopwireError";
  /** A {@link ClientErrorCode} or one of the protocol's error codes. */
  readonly code: string;
  /** The WebSocket close code, if the end of the connection caused the error. */
  readonly closeCode?: number;

  /** Creates an error. `message` is for people and may change; `code` is stable. */
  constructor(code: string, message: string, closeCode?: number) {
    super(message);
    this.code = code;
    this.closeCode = closeCode;
  }
}
