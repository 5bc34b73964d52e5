/**
 * The fields that frames in both directions share. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import * as limits from "./limits.ts";
import { hasLoneSurrogate } from "./text.ts";

/**
 * An id that the client chooses for a frame. Visible ASCII only, because it travels in a NATS
 * header.
 */
export const FrameId = z.string().regex(
  new RegExp(`^[\\x21-\\x7e]{1,${limits.MAX_ID_LENGTH}}$`),
  `expected 1 to ${limits.MAX_ID_LENGTH} visible ASCII characters`,
);

/**
 * The sequence number of a stored message. It increases within a room; 0 means "before the first
 * message".
 */
export const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** The name of one incarnation of the log. Seqs of different epochs must not be compared. */
export const Epoch = z.string().min(1).max(64);

/** A position to resume from: the last `seq` received, and the epoch of its log. */
export const Since = z.object({ seq: Seq, epoch: Epoch });
/** The parsed form of {@link Since}. */
export type Since = z.infer<typeof Since>;

/** A user's id, from its token. */
export const UserId = z.string().min(1).max(limits.MAX_USER_LENGTH);

/** The name that others see of a user, from its token. */
export const Username = z.string().max(limits.MAX_USER_LENGTH);

/** A W3C trace context: what to make a part of whose trace. */
export const Traceparent = z.string().regex(
  /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/,
  "expected a W3C traceparent of version 00",
).meta({
  // The same for JSON Schema, without lookahead, which the expressions of Go and Rust lack.
  pattern: "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
  not: { pattern: "^00-(0{32}-|[0-9a-f]{32}-0{16}-)" },
});

/** The id of a trace, as monitor and `deno task trace` take it. */
export const TraceId = z.string().regex(/^[0-9a-f]{32}$/, "expected 32 hexadecimal digits");

/** A user's state in a room: a small JSON object, such as `{"status":"away"}`. */
export const PresenceState = z.record(z.string(), z.unknown()).refine(
  (state) => !hasLoneSurrogate(JSON.stringify(state)),
  "a lone surrogate is not a character",
).refine(
  (state) => new TextEncoder().encode(JSON.stringify(state)).length <= limits.MAX_PRESENCE_BYTES,
  `expected an object of at most ${limits.MAX_PRESENCE_BYTES} bytes of JSON`,
);
/** The parsed form of {@link PresenceState}. */
export type PresenceState = z.infer<typeof PresenceState>;
