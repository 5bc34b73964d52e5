/**
 * What back-ends say in rooms and to users: messages, broadcasts, signals and events.
 *
 * @module
 */
import * as z from "zod";
import {
  type ErrorCode,
  ERRORS,
  HEADERS,
  namespaceOf,
  RoomName,
  Seq,
  signalSubject,
  SPAN_ATTRIBUTES,
  userEventSubject,
} from "../../contract/mod.ts";
import {
  contentJson,
  encodeHeaders,
  FaultError,
  faultOf,
  natsAttributes,
  SpanKind,
  startHop,
  traceparentOf,
} from "../../kit/mod.ts";
import { Content, MessageId, User, Username } from "./fields.ts";
import { type Backend, type Call, mayUseRoom, operation } from "./operation.ts";
import { eventJson, publishMessage } from "./publish_message.ts";

/** Most rooms of one broadcast. */
export const MAX_BROADCAST_ROOMS = 100;

/** What a refusal looks like. */
export const ApiFault = z.strictObject({
  code: z.enum(Object.keys(ERRORS) as [ErrorCode, ...ErrorCode[]]),
  message: z.string(),
  retryAfter: z.number().int().min(0).optional()
    .describe("How long to wait before the request is repeated, milliseconds."),
});

const message = {
  userId: User.describe("Who says it. The API does not check who that is."),
  username: Username.optional().describe("The user's name; the id by default."),
  content: Content,
};
const id = MessageId.optional().describe(
  "The deduplication key: within two minutes, a second message of the user with the same id in the " +
    "same room is not stored again. By default it is made from Idempotency-Key, or else random.",
);
const Published = z.strictObject({
  id: z.string(),
  seq: Seq.describe("Where the message stands in the room; 0 in a room that stores nothing."),
  duplicate: z.literal(true).optional().describe("The message had been stored before."),
});

const PublishRequest = z.strictObject({ room: RoomName, ...message, id });

/** Publishes a message to a room. */
export const publish = operation({
  name: "publish",
  scope: "publish",
  summary: "Publish a message to a room",
  description:
    "Answers when the message is stored. Members receive it as `room-message`. Where the namespace " +
    "names a service that screens messages, it may refuse the message with `forbidden`.",
  request: PublishRequest,
  reply: Published,
  example: { room: "chat.lobby", userId: "bot", username: "Bot", content: "hello" },
  rooms: ({ room }) => [room],
  run: publishMessage,
});

/** Publishes one message to many rooms. */
export const broadcast = operation({
  name: "broadcast",
  scope: "publish",
  summary: "Publish a message to many rooms",
  description: "Each room has a result of its own, in the order of `rooms`.",
  request: z.strictObject({
    rooms: z.array(RoomName).min(1).max(MAX_BROADCAST_ROOMS),
    ...message,
    id,
  }),
  reply: z.strictObject({
    results: z.array(z.union([
      Published.extend({ room: RoomName }),
      z.strictObject({ room: RoomName, error: ApiFault }),
    ])),
  }),
  example: { rooms: ["chat.lobby", "chat.dev"], userId: "bot", content: "We restart at noon." },
  batched: false,
  cost: ({ rooms }) => rooms.length,
  async run({ rooms, ...rest }, call, backend) {
    const one = async (room: string) => {
      try {
        if (!mayUseRoom(call.key, room)) {
          throw new FaultError("forbidden", `the key may not use ${room}`);
        }
        return { room, ...await publishMessage({ room, ...rest }, call, backend) };
      } catch (error) {
        return { room, error: faultOf(error) };
      }
    };
    return { results: await Promise.all(rooms.map(one)) };
  },
});

/** Sends a signal to a room. */
export const signal = operation({
  name: "signal",
  scope: "publish",
  summary: "Send a signal to a room",
  description: "Members that are connected receive it as `room-signal`. It is not stored.",
  request: z.strictObject({ room: RoomName, ...message }),
  reply: z.strictObject({}),
  example: { room: "chat.lobby", userId: "bot", content: { typing: true } },
  rooms: ({ room }) => [room],
  run({ room, userId, username, content }, call, { bus, namespaces }) {
    const json = contentJson(content, namespaceOf(namespaces, room).content);
    const payload = eventJson({ room, userId, username: username || userId }, json);
    const { context } = call;
    send(bus, signalSubject(room), payload, { context, room });
    return Promise.resolve({});
  },
});

/** Sends an event to a user. */
export const event = operation({
  name: "event",
  scope: "events",
  summary: "Send an event to a user",
  description: "Each connection of the user receives it as `event`. It is not stored.",
  request: z.strictObject({ userId: User, topic: z.string().min(1).max(128), data: Content }),
  reply: z.strictObject({}),
  example: { userId: "u7", topic: "order-shipped", data: { order: 42 } },
  rooms: () => undefined,
  run({ userId, topic, data }, { context }, { bus }) {
    const payload = `${JSON.stringify({ topic }).slice(0, -1)},"data":${contentJson(data)}}`;
    send(bus, userEventSubject(userId), payload, { context });
    return Promise.resolve({});
  },
});

/** Publishes what nobody acknowledges. */
function send(
  bus: Backend["bus"],
  subject: string,
  payload: string,
  { context, room }: { context: Call["context"]; room?: string },
): void {
  const attributes = { ...natsAttributes("send", subject) };
  if (room !== undefined) attributes[SPAN_ATTRIBUTES.room] = room;
  const hop = startHop(`send ${subject.split(".", 2).join(".")}`, SpanKind.PRODUCER, context, {
    ...attributes,
  });
  const headers = encodeHeaders(
    HEADERS.checked,
    room === undefined ? undefined : "1",
    HEADERS.traceparent,
    traceparentOf(hop.context),
  );
  const accepted = bus.sendSoon(subject, payload, { headers });
  hop.end(accepted ? undefined : "unavailable");
  if (!accepted) throw new FaultError("unavailable", "the message bus is unreachable", 1_000);
}
