/**
 * What requests of the transports over HTTP carry beside frames (see PROTOCOL.md, "Without WebSocket").
 * No I/O; imports zod.
 *
 * @module
 */
import * as z from "zod";

/** The key of a session over HTTP: the gateway that holds it, and a secret. */
export const SessionKey = z.string().regex(
  /^[a-z0-9]{1,64}\.[0-9a-f]{32}$/,
  "expected the session's key",
);

/** The first line of a `/send`: which session, and the post's number, from 1 on without a gap. */
export const SendHead = z.object({ session: SessionKey, n: z.number().int().min(1) });

/** A `/poll`: without a session one is begun. `after` is the number of the last answer that came. */
export const PollHead = z.object({
  session: SessionKey.optional(),
  after: z.number().int().min(0).default(0),
});

/** The answer of a `/poll`, but for its frames. */
export const PollAnswer = z.object({
  session: SessionKey,
  /** Its number. */
  n: z.number().int().min(1),
  frames: z.array(z.unknown()),
  /** The session has ended: there is nothing after this. */
  close: z.object({ code: z.number().int(), reason: z.string() }).optional(),
});

/** The gateway that holds a session. */
export function gatewayOfSession(key: string): string {
  return key.slice(0, key.indexOf("."));
}
