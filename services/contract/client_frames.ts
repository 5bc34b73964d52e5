/**
 * The frames that clients send: their schemas, and the function that parses them. No I/O; imports
 * only zod.
 *
 * @module
 */
import * as z from "zod";
import { type ErrorCode, type Fault, fault } from "./codes.ts";
import { describeIssue } from "./describe_issue.ts";
import { Epoch, FrameId, PresenceState, Seq, Since, Traceparent } from "./frame_fields.ts";
import * as limits from "./limits.ts";
import { RoomName } from "./rooms.ts";

/** What a client may ask of the trace of a frame. */
const TRACING = {
  traceparent: Traceparent.optional().describe(
    "The context of the client's span. Its sampled flag counts only with the right `trace`.",
  ),
  trace: z.boolean().optional().describe(
    "Records the frame's trace, whatever the sampling ratio. Requires the right `trace`.",
  ),
};

/** Any JSON value, but required. The gateway checks its size when it serialises it. */
const Content = z.unknown().refine((value) => value !== undefined, "Required");

/** For JSON Schema: without `channel` there must be a `room`. */
const ROOM_OR_CHANNEL = {
  if: { not: { required: ["channel"] } },
  then: { required: ["room"] },
};

/** One token of a `call` subject. */
const CallName = z.string().regex(
  /^[A-Za-z0-9_-]{1,64}$/,
  "expected 1 to 64 of A-Z a-z 0-9 _ -",
);

/** Authenticates the connection, or replaces its token. */
export const AuthFrame = z.object({
  type: z.literal("auth"),
  token: z.string().min(1).max(limits.MAX_TOKEN_LENGTH),
  id: FrameId.optional(),
});

/** Enters a room, and optionally resumes from a position. */
export const SubscribeFrame = z.object({
  type: z.literal("subscribe"),
  channel: RoomName.optional().describe("An alias of `room`, which many tutorials use."),
  room: RoomName.optional(),
  since: Since.optional().describe("Where to resume: replays what was missed since then."),
  presence: PresenceState.optional().describe(
    "The user's state in this room, for the other members.",
  ),
  trace: z.boolean().optional().describe(
    "Adds `traceparent` to recorded messages. Requires the right `trace`.",
  ),
  id: FrameId.optional(),
}).refine(
  (frame) => (frame.room ?? frame.channel) !== undefined,
  { path: ["room"], message: "Required" },
).meta(ROOM_OR_CHANNEL).transform(({ channel, room, ...rest }) => ({
  ...rest,
  room: (room ?? channel)!,
}));

/** Leaves a room. */
export const UnsubscribeFrame = z.object({
  type: z.literal("unsubscribe"),
  channel: RoomName.optional(),
  room: RoomName.optional(),
  id: FrameId.optional(),
}).refine(
  (frame) => (frame.room ?? frame.channel) !== undefined,
  { path: ["room"], message: "Required" },
).meta(ROOM_OR_CHANNEL).transform(({ channel, room, ...rest }) => ({
  ...rest,
  room: (room ?? channel)!,
}));

/** Publishes a message to a room. */
export const MessageFrame = z.object({
  type: z.literal("message"),
  room: RoomName,
  content: Content,
  id: FrameId.optional(),
  ...TRACING,
});

/** Sends an ephemeral signal to the members of a room. */
export const SignalFrame = z.object({
  type: z.literal("signal"),
  room: RoomName,
  content: Content,
  id: FrameId.optional().describe(
    "Returned only in an `error`: the server does not acknowledge signals.",
  ),
  ...TRACING,
});

/** Requests one page of a room's history. */
export const HistoryFrame = z.object({
  type: z.literal("history"),
  room: RoomName,
  before: Seq.optional().describe("The newest messages older than this, newest first."),
  after: Seq.optional().describe("The oldest messages newer than this, oldest first."),
  epoch: Epoch.optional().describe(
    "The epoch of `before` or `after`: that of the page they come from.",
  ),
  limit: z.number().int().min(1).max(limits.MAX_HISTORY_LIMIT).default(
    limits.DEFAULT_HISTORY_LIMIT,
  ),
  id: FrameId,
}).refine(
  (frame) => frame.before === undefined || frame.after === undefined,
  { path: ["before"], message: "give before or after, not both" },
).meta({ not: { required: ["before", "after"] } });

/** Requests one page of a room's members. */
export const PresenceFrame = z.object({
  type: z.literal("presence"),
  room: RoomName,
  id: FrameId,
  after: z.string().max(limits.MAX_USER_LENGTH).optional().describe(
    "The last user id of the previous page.",
  ),
  limit: z.number().int().min(1).max(limits.MAX_PRESENCE_PAGE).default(limits.MAX_PRESENCE_PAGE),
});

/** Changes the user's state in a room; null clears it. */
export const UpdatePresenceFrame = z.object({
  type: z.literal("update-presence"),
  room: RoomName,
  presence: PresenceState.nullable().describe("The new state; null clears it."),
  id: FrameId.optional().describe("Returned with a refusal: an update is not acknowledged."),
});

/** Calls a method of a service on the bus. */
export const CallFrame = z.object({
  type: z.literal("call"),
  service: CallName,
  method: CallName,
  data: z.unknown().optional().describe("Any JSON, for the service."),
  id: FrameId,
  timeout: z.number().int().min(limits.MIN_CALL_TIMEOUT_MS).max(limits.MAX_CALL_TIMEOUT_MS)
    .default(limits.DEFAULT_CALL_TIMEOUT_MS).describe(
      "How long the service may take, milliseconds.",
    ),
  ...TRACING,
});

/** Reports how long hops took that only the client can measure. */
export const MeasurementsFrame = z.object({
  type: z.literal("measurements"),
  entries: z.array(z.object({
    hop: z.enum(["client.send", "client.receive"]),
    ms: z.number().min(0).max(limits.MAX_MEASURED_MS).describe(
      "How long the hop took, milliseconds.",
    ),
    ago: z.number().min(0).max(limits.MAX_MEASURED_MS).describe(
      "How long before this frame arrives the hop ended, milliseconds, as the client " +
        "estimates it.",
    ),
    room: RoomName.optional(),
    traceparent: Traceparent.optional().describe("The message's trace context."),
    root: z.boolean().optional().describe(
      "Of `client.send`: the hop is the span that `traceparent` names and begins the trace, so the " +
        "server's hops are below it.",
    ),
  })).min(1).max(limits.MAX_MEASUREMENTS),
  id: FrameId.optional().describe(
    "Returned only in an `error`: the server does not acknowledge measurements.",
  ),
});

/** Asks for a `pong`. */
export const PingFrame = z.object({ type: z.literal("ping"), id: FrameId.optional() });

/** The schema of each frame that a client may send, by its `type`. */
export const CLIENT_FRAMES = {
  auth: AuthFrame,
  subscribe: SubscribeFrame,
  unsubscribe: UnsubscribeFrame,
  message: MessageFrame,
  signal: SignalFrame,
  history: HistoryFrame,
  presence: PresenceFrame,
  "update-presence": UpdatePresenceFrame,
  call: CallFrame,
  measurements: MeasurementsFrame,
  ping: PingFrame,
} as const;

/** The `type` of every frame a client may send. */
export const CLIENT_FRAME_TYPES: readonly ClientFrame["type"][] = Object.keys(
  CLIENT_FRAMES,
) as ClientFrame["type"][];

/** A valid frame from a client. */
export type ClientFrame =
  | z.infer<typeof AuthFrame>
  | z.infer<typeof SubscribeFrame>
  | z.infer<typeof UnsubscribeFrame>
  | z.infer<typeof MessageFrame>
  | z.infer<typeof SignalFrame>
  | z.infer<typeof HistoryFrame>
  | z.infer<typeof PresenceFrame>
  | z.infer<typeof UpdatePresenceFrame>
  | z.infer<typeof CallFrame>
  | z.infer<typeof MeasurementsFrame>
  | z.infer<typeof PingFrame>;

/** A frame of one type, e.g. `ClientFrameOf<"message">`. */
export type ClientFrameOf<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>;

/**
 * The result of {@link parseClientFrame}. `id` and `room` are those of the refused frame, if they
 * are valid.
 */
export type ParsedFrame =
  | { ok: true; frame: ClientFrame }
  | { ok: false; error: Fault & { id?: string; room?: string } };

/**
 * Parses and validates the text of a client frame. Never throws. A failed parse returns
 * `invalid_format` or `unknown_type`.
 *
 * @example
 * ```ts
 * import { parseClientFrame } from "./client_frames.ts";
 * import assert from "node:assert/strict";
 * const parsed = parseClientFrame('{"type":"subscribe","channel":"lobby"}');
 * assert.deepEqual(parsed, { ok: true, frame: { type: "subscribe", room: "lobby" } });
 * const refused = parseClientFrame('{"type":"message","room":"lobby","id":"1"}');
 * assert.deepEqual(refused, {
 *   ok: false,
 *   error: {
 *     code: "invalid_format",
 *     message: "Invalid message format: content: Required",
 *     id: "1",
 *     room: "lobby",
 *   },
 * });
 * ```
 */
export function parseClientFrame(text: string): ParsedFrame {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    return { ok: false, error: fault("invalid_format", "not JSON") };
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    return { ok: false, error: fault("invalid_format", "expected a JSON object") };
  }
  const { type } = value as { type?: unknown };
  if (typeof type !== "string") return refuse(value, "invalid_format", "type: expected a string");
  if (!Object.hasOwn(CLIENT_FRAMES, type)) {
    return refuse(value, "unknown_type", `${JSON.stringify(type.slice(0, 32))}`);
  }
  const parsed = CLIENT_FRAMES[type as keyof typeof CLIENT_FRAMES].safeParse(value);
  if (parsed.success) return { ok: true, frame: parsed.data };
  return refuse(value, "invalid_format", describeIssue(parsed.error));
}

function refuse(value: object, code: ErrorCode, detail: string): ParsedFrame {
  const { id, room } = value as { id?: unknown; room?: unknown };
  const error: Fault & { id?: string; room?: string } = fault(code, detail);
  if (FrameId.safeParse(id).success) error.id = id as string;
  if (RoomName.safeParse(room).success) error.room = room as string;
  return { ok: false, error };
}
