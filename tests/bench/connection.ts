/**
 * The state of one client of the load client.
 *
 * @module
 */
import type { Ticket } from "./wire.ts";

/** One client. */
export interface Connection {
  readonly fd: number;
  readonly index: number;
  state: "connecting" | "upgrading" | "open" | "closed";
  /** The number of messages delivered to this client. */
  delivered: number;
  /** Whether the server has accepted the token. Set by those who read the frames. */
  welcome: boolean;
  ticket: Ticket;
  rest: Uint8Array | null;
  unsent: Uint8Array | null;
}
