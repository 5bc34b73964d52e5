/**
 * The frames that the server sends: their schemas. No I/O; imports only zod.
 *
 * @module
 */
import * as z from "zod";
import { type ErrorCode, ERRORS } from "./codes.ts";
import {
  Epoch,
  FrameId,
  PresenceState,
  Seq,
  TraceId,
  Traceparent,
  UserId,
  Username,
} from "./frame_fields.ts";
import { RoomName } from "./rooms.ts";

const Timestamp = z.number().int().min(0);

/** A stored message as clients receive it, live and in history. */
export const RoomMessageFrame = z.object({
  type: z.literal("room-message"),
  seq: Seq,
  prev: Seq.describe("The `seq` of the room's message before; 0 if there is none."),
  room: RoomName,
  id: z.string().describe("The id that its sender chose, or that the gateway gave it."),
  userId: UserId,
  username: Username,
  content: z.unknown(),
  timestamp: Timestamp.describe("When the gateway accepted the message, milliseconds since 1970."),
  erased: z.literal(true).optional().describe(
    "The content and the sender were erased. Only the message's place in the order is left.",
  ),
  traceparent: Traceparent.optional().describe(
    "The trace of a live message, if it is recorded and the member asked for it in `subscribe`.",
  ),
});
/** The parsed form of {@link RoomMessageFrame}. */
export type RoomMessageFrame = z.infer<typeof RoomMessageFrame>;

/** A member of a room, as presence lists it. */
export const Member = z.object({
  userId: UserId,
  username: Username,
  presence: PresenceState.optional().describe(
    "The user's state in the room, if the user has set one.",
  ),
});
/** The parsed form of {@link Member}. */
export type Member = z.infer<typeof Member>;

/** Any frame that the server sends. */
export const ServerFrame = z.discriminatedUnion("type", [
  z.object({
    type: z.literal("authenticated"),
    userId: UserId,
    username: Username,
    connectionId: z.string(),
    expiresAt: Timestamp.nullable().describe(
      "When the token expires, milliseconds since 1970; null if it never does.",
    ),
    rate: z.object({ perSecond: z.number().int().min(1), burst: z.number().int().min(1) })
      .optional().describe(
        "The client's rate limit: frames per second, and the burst allowed after a pause.",
      ),
    id: FrameId.optional(),
  }),
  z.object({
    type: z.literal("subscribed"),
    room: RoomName,
    seq: Seq.describe("The end of the room's log."),
    epoch: z.string().describe("The log that `seq` belongs to."),
    recovered: z.boolean().describe("Whether everything after `since` follows."),
    count: z.number().int().min(0).optional().describe(
      "How many members the room has, in rooms with presence.",
    ),
    id: FrameId.optional(),
  }),
  z.object({
    type: z.literal("unsubscribed"),
    room: RoomName,
    id: FrameId.optional(),
    reason: z.enum(["kicked", "banned"]).optional().describe(
      "Why the server took the client out of the room; absent if the client left.",
    ),
    message: z.string().optional().describe("What the operator gave as the reason, for people."),
  }),
  RoomMessageFrame,
  z.object({
    type: z.literal("room-signal"),
    room: RoomName,
    userId: UserId,
    username: Username,
    content: z.unknown(),
  }),
  z.object({ type: z.literal("message-erased"), room: RoomName, seq: Seq }),
  Member.extend({ type: z.literal("user-joined"), room: RoomName }),
  Member.extend({ type: z.literal("user-updated"), room: RoomName }),
  z.object({ type: z.literal("user-left"), room: RoomName, userId: UserId, username: Username }),
  z.object({
    type: z.literal("presence"),
    room: RoomName,
    count: z.number().int().min(0).describe("How many members the room has."),
    members: z.array(Member).describe("One page of them, in the order of their ids."),
    more: z.boolean().describe("Whether another page exists."),
    id: FrameId.optional().describe("Absent if nobody asked: it replaces earlier state."),
  }),
  z.object({
    type: z.literal("history"),
    room: RoomName,
    messages: z.array(RoomMessageFrame),
    more: z.boolean().describe("Whether another page exists."),
    epoch: Epoch.describe("The epoch of these messages, for the cursor of the next page."),
    id: FrameId,
  }),
  z.object({
    type: z.literal("ack"),
    id: FrameId,
    room: RoomName,
    seq: Seq,
    duplicate: z.literal(true).optional().describe(
      "An earlier message with the same id was stored, under this `seq`.",
    ),
    traceId: TraceId.optional().describe("The message's trace, if the client asked to trace it."),
  }),
  z.object({
    type: z.literal("result"),
    id: FrameId,
    data: z.unknown().describe("The service's reply."),
    traceId: TraceId.optional().describe("The call's trace, if the client asked to trace it."),
  }),
  z.object({ type: z.literal("event"), topic: z.string(), data: z.unknown() }),
  z.object({
    type: z.literal("token-expiring"),
    expiresAt: Timestamp.describe("When the token expires, milliseconds since 1970."),
  }),
  z.object({
    type: z.literal("reconnect"),
    after: z.number().int().min(0).describe("How long to wait, milliseconds."),
  }),
  z.object({ type: z.literal("pong"), id: FrameId.optional() }),
  z.object({
    type: z.literal("error"),
    code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
    message: z.string().describe("For people: the sentence of the code, and maybe a detail."),
    id: FrameId.optional().describe("That of the refused frame."),
    room: RoomName.optional().describe("That of the refused frame."),
    retryAfter: z.number().int().min(0).optional().describe(
      "How long to wait before another try, milliseconds.",
    ),
  }),
]);
/** The parsed form of {@link ServerFrame}. */
export type ServerFrame = z.infer<typeof ServerFrame>;

/** A server frame of one type, e.g. `ServerFrameOf<"subscribed">`. */
export type ServerFrameOf<T extends ServerFrame["type"]> = Extract<ServerFrame, { type: T }>;
