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

/** The first event of a stream of `/sse`, named `open`. */
export const StreamOpened = z.object({ session: SessionKey });

/** Why a session has ended: the code and the reason that a WebSocket would be closed with. */
export const SessionClosed = z.object({ code: z.number().int(), reason: z.string() });

/**
 * The first line of a `/send`: the session, and the number of this request, counted from 1 without
 * gaps.
 */
export const SendHead = z.object({
  session: SessionKey,
  n: z.number().int().min(1).describe("The number of this post: 1, 2, 3 ..."),
});

/**
 * The parameters of a `/poll`. Without `session`, the gateway starts a new one. `after` is the
 * number of the last response the client received.
 */
export const PollHead = z.object({
  session: SessionKey.optional(),
  after: z.number().int().min(0).default(0).describe("The `n` of the last answer received."),
});

/** The response to a `/poll`. */
export const PollAnswer = z.object({
  session: SessionKey,
  n: z.number().int().min(1).describe("The number of this response, counted from 1."),
  frames: z.array(z.unknown()),
  close: SessionClosed.optional().describe(
    "Present if the session has ended. This response is then the last one.",
  ),
});

/** The answer of `/healthz`, and of `/readyz` when the service is ready. */
export const Healthy = z.object({ status: z.literal("ok") });
/** The parsed form of {@link Healthy}. */
export type Healthy = z.infer<typeof Healthy>;

/** The answer of `/readyz` while the service cannot do its work. */
export const NotReady = z.object({
  status: z.literal("not ready"),
  missing: z.array(z.string()).describe("The conditions that do not hold."),
});
/** The parsed form of {@link NotReady}. */
export type NotReady = z.infer<typeof NotReady>;

/** Extracts from a session key the id of the gateway that holds the session. */
export function gatewayOfSession(key: string): string {
  return key.slice(0, key.indexOf("."));
}
