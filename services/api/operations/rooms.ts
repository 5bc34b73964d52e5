/**
 * What back-ends read of rooms: history and presence.
 *
 * @module
 */
import * as z from "zod";
import {
  ArchivedMessage,
  DEFAULT_HISTORY_LIMIT,
  Epoch,
  HistoryRead,
  MAX_HISTORY_LIMIT,
  MAX_PRESENCE_PAGE,
  Member,
  RoomName,
  RoomsPresence,
  Seq,
} from "../../contract/mod.ts";
import { request } from "../../kit/mod.ts";
import { User } from "./fields.ts";
import { operation } from "./operation.ts";

/** Reads a page of history. */
export const history = operation({
  name: "history",
  scope: "read",
  summary: "Read a page of a room's messages",
  description:
    "Without `before` and `after`: the newest messages, newest first. With `before`: the newest " +
    "older ones. With `after`: the oldest newer ones, oldest first; of both, `after` counts. Pass on `epoch` " +
    "with the next page to read every message of every epoch. What this process published is in it.",
  reads: true,
  request: z.strictObject({
    room: RoomName,
    before: Seq.optional(),
    after: Seq.optional(),
    epoch: Epoch.optional(),
    limit: z.number().int().min(1).max(MAX_HISTORY_LIMIT).default(DEFAULT_HISTORY_LIMIT),
  }),
  reply: z.strictObject({
    messages: z.array(ArchivedMessage.omit({ room: true, prev: true })),
    more: z.boolean().describe("Whether another page exists."),
    epoch: z.string(),
  }),
  example: { room: "chat.lobby", limit: 10 },
  rooms: ({ room }) => [room],
  async run(page, { context, timeLeft }, { bus, recent }) {
    const upTo = page.epoch === undefined ? recent.of(page.room) : undefined;
    const options = { context, timeout: timeLeft() };
    const { messages, more, epoch } = await request(bus, HistoryRead, { ...page, upTo }, options);
    return { messages: messages.map(({ room: _room, prev: _prev, ...rest }) => rest), more, epoch };
  },
});

/** Reads a page of the members of a room. */
export const presence = operation({
  name: "presence",
  scope: "read",
  summary: "List the members of a room",
  description: "In the order of their ids. For the next page pass on the last `userId` as `after`.",
  reads: true,
  request: z.strictObject({
    room: RoomName,
    after: User.optional(),
    limit: z.number().int().min(1).max(MAX_PRESENCE_PAGE).default(MAX_PRESENCE_PAGE),
  }),
  reply: z.strictObject({
    count: z.number().int().min(0).describe("Members in all."),
    members: z.array(Member),
    more: z.boolean(),
  }),
  example: { room: "chat.lobby" },
  rooms: ({ room }) => [room],
  run: (page, { context, timeLeft }, { bus }) =>
    request(bus, RoomsPresence, page, { context, timeout: timeLeft() }),
});
