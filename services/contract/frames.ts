/**
 * The frames of the wire protocol (see PROTOCOL.md beside this file): a zod schema each, and the
 * types inferred from them. No I/O; imports zod.
 *
 * @module
 */
import * as z from "zod";
import { type ErrorCode, ERRORS, type Fault, fault } from "./codes.ts";
import * as limits from "./limits.ts";
import { RoomName } from "./rooms.ts";

/** A client's own id of a frame: visible ASCII, since it travels in a NATS header. */
export const FrameId = z.string().regex(
  new RegExp(`^[\\x21-\\x7e]{1,${limits.MAX_ID_LENGTH}}$`),
  `expected 1 to ${limits.MAX_ID_LENGTH} visible ASCII characters`,
);

/** A stored message's place in its room's order: rises, 0 stands for "before the first". */
export const Seq = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);

/** A place to go on from: the last `seq` seen, and the log it was seen in. */
export const Since = z.object({ seq: Seq, epoch: z.string().min(1).max(64) });
export type Since = z.infer<typeof Since>;

/** W3C trace context of the client's own span. */
const Traceparent = z.string().regex(
  /^00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$/,
  "expected a W3C traceparent of version 00",
);

/** JSON of any kind, but there. Its size is checked where it is serialised. */
const Content = z.unknown().refine((value) => value !== undefined, "Required");

/** One token of a `call` subject. */
const CallName = z.string().regex(
  /^[A-Za-z0-9_-]{1,64}$/,
  "expected 1 to 64 of A-Z a-z 0-9 _ -",
);

export const AuthFrame = z.object({
  type: z.literal("auth"),
  token: z.string().min(1).max(limits.MAX_TOKEN_LENGTH),
  id: FrameId.optional(),
});

export const SubscribeFrame = z.object({
  type: z.literal("subscribe"),
  /** The room; `channel` is the name that tutorials use for it. */
  channel: RoomName.optional(),
  room: RoomName.optional(),
  since: Since.optional(),
  id: FrameId.optional(),
}).refine(
  (frame) => (frame.room ?? frame.channel) !== undefined,
  { path: ["room"], message: "Required" },
).transform(({ channel, room, ...rest }) => ({ ...rest, room: (room ?? channel)! }));

export const UnsubscribeFrame = z.object({
  type: z.literal("unsubscribe"),
  channel: RoomName.optional(),
  room: RoomName.optional(),
  id: FrameId.optional(),
}).refine(
  (frame) => (frame.room ?? frame.channel) !== undefined,
  { path: ["room"], message: "Required" },
).transform(({ channel, room, ...rest }) => ({ ...rest, room: (room ?? channel)! }));

export const MessageFrame = z.object({
  type: z.literal("message"),
  room: RoomName,
  content: Content,
  id: FrameId.optional(),
  traceparent: Traceparent.optional(),
});

export const SignalFrame = z.object({
  type: z.literal("signal"),
  room: RoomName,
  content: Content,
  /** Of its refusal: a signal is not acked. */
  id: FrameId.optional(),
});

export const HistoryFrame = z.object({
  type: z.literal("history"),
  room: RoomName,
  before: Seq.optional(),
  after: Seq.optional(),
  limit: z.number().int().min(1).max(limits.MAX_HISTORY_LIMIT).default(
    limits.DEFAULT_HISTORY_LIMIT,
  ),
  id: FrameId,
}).refine(
  (frame) => frame.before === undefined || frame.after === undefined,
  { path: ["before"], message: "give before or after, not both" },
);

export const PresenceFrame = z.object({
  type: z.literal("presence"),
  room: RoomName,
  id: FrameId,
  /** The last user id of the page before. */
  after: z.string().max(limits.MAX_USER_LENGTH).optional(),
  limit: z.number().int().min(1).max(limits.MAX_PRESENCE_PAGE).default(limits.MAX_PRESENCE_PAGE),
});

export const CallFrame = z.object({
  type: z.literal("call"),
  service: CallName,
  method: CallName,
  data: z.unknown().optional(),
  id: FrameId,
  timeout: z.number().int().min(limits.MIN_CALL_TIMEOUT_MS).max(limits.MAX_CALL_TIMEOUT_MS).default(
    limits.DEFAULT_CALL_TIMEOUT_MS,
  ),
});

export const PingFrame = z.object({ type: z.literal("ping"), id: FrameId.optional() });

const CLIENT_FRAMES = {
  auth: AuthFrame,
  subscribe: SubscribeFrame,
  unsubscribe: UnsubscribeFrame,
  message: MessageFrame,
  signal: SignalFrame,
  history: HistoryFrame,
  presence: PresenceFrame,
  call: CallFrame,
  ping: PingFrame,
} as const;

/** The `type` of every frame that a client may send. */
export const CLIENT_FRAME_TYPES = Object.keys(CLIENT_FRAMES) as (keyof typeof CLIENT_FRAMES)[];

/** A valid frame from a client. */
export type ClientFrame = z.infer<(typeof CLIENT_FRAMES)[keyof typeof CLIENT_FRAMES]>;

/** A frame of one type, e.g. `ClientFrameOf<"message">`. */
export type ClientFrameOf<T extends ClientFrame["type"]> = Extract<ClientFrame, { type: T }>;

/** What {@link parseClientFrame} gives. `id` and `room` are the refused frame's own, if readable. */
export type ParsedFrame =
  | { ok: true; frame: ClientFrame }
  | { ok: false; error: Fault & { id?: string; room?: string } };

/**
 * Parses and validates the text of a client's frame. Never throws.
 *
 * @example
 * ```ts
 * import { parseClientFrame } from "./frames.ts";
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

/** The first thing that a schema found wrong, as `path: what`. */
export function describeIssue(error: z.ZodError): string {
  const issue = error.issues[0];
  if (issue === undefined) return "not as expected";
  return issue.path.length === 0 ? issue.message : `${issue.path.join(".")}: ${issue.message}`;
}

function refuse(value: object, code: ErrorCode, detail: string): ParsedFrame {
  const { id, room } = value as { id?: unknown; room?: unknown };
  const error: Fault & { id?: string; room?: string } = fault(code, detail);
  if (FrameId.safeParse(id).success) error.id = id as string;
  if (RoomName.safeParse(room).success) error.room = room as string;
  return { ok: false, error };
}

const Timestamp = z.number().int().min(0);
const UserId = z.string().min(1).max(limits.MAX_USER_LENGTH);
const Username = z.string().max(limits.MAX_USER_LENGTH);

/** A stored message as clients get it, live and in history. */
export const RoomMessageFrame = z.object({
  type: z.literal("room-message"),
  seq: Seq,
  prev: Seq,
  room: RoomName,
  id: z.string(),
  userId: UserId,
  username: Username,
  content: z.unknown(),
  /** Milliseconds since 1970, stamped by the gateway that took the message in. */
  timestamp: Timestamp,
});
export type RoomMessageFrame = z.infer<typeof RoomMessageFrame>;

/** Who a listed member is. */
export const Member = z.object({ userId: UserId, username: Username });
export type Member = z.infer<typeof Member>;

/** Every frame that a server sends. */
export const ServerFrame = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("authenticated"),
    userId: UserId,
    username: Username,
    connectionId: z.string(),
    /** Milliseconds since 1970; null for a token without expiry. */
    expiresAt: Timestamp.nullable(),
    /** Frames that may be sent a second, and at once after a pause. */
    rate: z.object({ perSecond: z.number().int().min(1), burst: z.number().int().min(1) })
      .optional(),
    id: FrameId.optional(),
  }),
  z.object({
    type: z.literal("subscribed"),
    room: RoomName,
    seq: Seq,
    epoch: z.string(),
    recovered: z.boolean(),
    count: z.number().int().min(0).optional(),
    id: FrameId.optional(),
  }),
  z.object({ type: z.literal("unsubscribed"), room: RoomName, id: FrameId.optional() }),
  RoomMessageFrame,
  z.object({
    type: z.literal("room-signal"),
    room: RoomName,
    userId: UserId,
    username: Username,
    content: z.unknown(),
  }),
  z.object({ type: z.literal("user-joined"), room: RoomName, userId: UserId, username: Username }),
  z.object({ type: z.literal("user-left"), room: RoomName, userId: UserId, username: Username }),
  z.object({
    type: z.literal("presence"),
    room: RoomName,
    count: z.number().int().min(0),
    members: z.array(Member),
    more: z.boolean(),
    id: FrameId.optional(),
  }),
  z.object({
    type: z.literal("history"),
    room: RoomName,
    messages: z.array(RoomMessageFrame),
    more: z.boolean(),
    id: FrameId,
  }),
  z.object({
    type: z.literal("ack"),
    id: FrameId,
    room: RoomName,
    seq: Seq,
    duplicate: z.literal(true).optional(),
  }),
  z.object({ type: z.literal("result"), id: FrameId, data: z.unknown() }),
  z.object({ type: z.literal("event"), topic: z.string(), data: z.unknown() }),
  z.object({ type: z.literal("token-expiring"), expiresAt: Timestamp }),
  z.object({ type: z.literal("reconnect"), after: z.number().int().min(0) }),
  z.object({ type: z.literal("pong"), id: FrameId.optional() }),
  z.object({
    type: z.literal("error"),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string(),
    id: FrameId.optional(),
    room: RoomName.optional(),
    retryAfter: z.number().int().min(0).optional(),
  }),
]);
export type ServerFrame = z.infer<typeof ServerFrame>;

/** A server frame of one type, e.g. `ServerFrameOf<"subscribed">`. */
export type ServerFrameOf<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;
