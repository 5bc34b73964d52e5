/**
 * The handshake of a client of Hopwire, for tests that open raw sockets.
 *
 * @module
 */
import { tokenFor } from "../harness/system.ts";
import { HOPWIRE_WIRE } from "./wires/hopwire_wire.ts";

/** Returns the WebSocket handshake request of a client with a token. */
export async function handshake(user: string): Promise<string> {
  return HOPWIRE_WIRE.ticket(await tokenFor(user)).request;
}
