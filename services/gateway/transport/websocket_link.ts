/**
 * What the gateway needs of a WebSocket connection, and what the connection tells. Two kinds implement
 * it: npm ws, and direct connections, which are cheaper.
 *
 * @module
 */

/** A WebSocket connection. It answers the client's close frame itself. */
export interface WebSocketLink {
  /** Bytes that the beginning of a message takes whose end has not arrived. */
  readonly held: number;
  /** Sends a close frame and waits for the client's, but not for ever. */
  close(code: number, reason: string): void;
  /** Closes the connection at once. */
  terminate(): void;
  /** Stops reading. Messages that have been read still arrive. */
  pause(): void;
  /** Reads again. */
  resume(): void;
}

/** Who owns a WebSocket connection. */
export interface WebSocketOwner {
  /** A text message, and its length in bytes. */
  text(text: string, bytes: number): void;
  /** A binary message. */
  binary(): void;
  /** A ping; `pong` is the frame that answers it. */
  answer(pong: Uint8Array): void;
  /** A pong. */
  pong(): void;
  /**
   * The connection answers a close frame or a violation, or the client sends nothing more. What is written
   * after this call is lost.
   */
  closing(): void;
  /** The client has violated the protocol. The connection closes with the right code. */
  failed(): void;
  /** The connection has closed. `code` is the client's, or 1006 if it sent none. */
  closed(code: number): void;
}
