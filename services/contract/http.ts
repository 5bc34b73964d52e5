/**
 * The envelopes that the HTTP transports put around frames (see PROTOCOL.md, "Without WebSocket").
 * No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";

/** The key of an HTTP session: the id of the gateway that holds it, and a secret. */
export const SessionKey = z.string().regex(
  /^[a-z0-9]{1,64}\.[0-9a-f]{32}$/,
  "expected the session's key",
);

/**
 * The first line of a `/send`: the session, and the number of this request, counted from 1 without
 * gaps.
 */
export const SendHead = z.object({ session: SessionKey, n: z.number().int().min(1) });

/**
 * The parameters of a `/poll`. Without `session`, the gateway starts a new one. `after` is the
 * number of the last response the client received.
 */
export const PollHead = z.object({
  session: SessionKey.optional(),
  after: z.number().int().min(0).default(0),
});

/** The response to a `/poll`. */
export const PollAnswer = z.object({
  session: SessionKey,
  /** The number of this response, counted from 1. */
  n: z.number().int().min(1),
  frames: z.array(z.unknown()),
  /** Present if the session has ended. This response is then the last one. */
  close: z.object({ code: z.number().int(), reason: z.string() }).optional(),
});

/** Extracts from a session key the id of the gateway that holds the session. */
export function gatewayOfSession(key: string): string {
  return key.slice(0, key.indexOf("."));
}
