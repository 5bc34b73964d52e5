/**
 * Examples of what travels on the bus, by the name of the schema or the endpoint. A test checks each
 * against its schema.
 *
 * @module
 */
import { VERSION } from "../../../contract/mod.ts";

const event = {
  room: "lobby",
  id: "m-1",
  userId: "u7",
  username: "Ada",
  content: "hello",
  timestamp: 1795521600000,
};
const about = {
  name: "dice",
  id: "RX2Z7Q5VGXSJ5M3Q4T1N0K",
  version: VERSION,
  metadata: {},
};
const revoked = {
  kind: "user",
  userId: "u7",
  before: 1795521600000,
  at: 1795521600000,
  expiresAt: 1827057600000,
  reason: "left the company",
};
const banned = {
  kind: "ban",
  userId: "u7",
  room: "lobby",
  at: 1795521600000,
  expiresAt: null,
};
const rolls = {
  name: "roll",
  subject: "call.dice.roll",
  queue_group: "dice",
};

/** See the module's doc. */
export const EXAMPLES = {
  RoomEvent: event,
  SignalEvent: { room: "lobby", userId: "u7", username: "Ada", content: { typing: true } },
  UserEvent: { topic: "order.shipped", data: { order: 17 } },
  CallRequest: {
    data: { sides: 6 },
    userId: "u7",
    username: "Ada",
    rooms: { "chat.*": ["subscribe", "publish"] },
    calls: ["dice.*"],
  },
  CallResult: [{ rolled: 4 }, 4, null],
  ScreenedMessage: { room: "lobby", userId: "u7", username: "Ada", content: "hello" },
  Verdict: [
    { verdict: "accept" },
    { verdict: "replace", content: "h***o" },
    { verdict: "refuse", reason: "be nice" },
  ],
  RoomsGrant: {
    request: [{ room: "chat.lobby", claim: { "chat.*": ["subscribe", "publish"] }, userId: "u7" }],
    reply: [{ grant: { rights: ["subscribe", "publish"], stored: true, presence: "on" } }],
  },
  RoomsPresence: {
    request: [{ room: "lobby", limit: 100 }],
    reply: [{ count: 1, members: [{ userId: "u7", username: "Ada" }], more: false }],
  },
  HistoryRead: {
    request: [{ room: "lobby", limit: 50 }, { room: "lobby", before: 813, limit: 50 }],
    reply: [{
      messages: [{ ...event, seq: 813, prev: 812 }],
      more: true,
      epoch: "3aryit1ndz5mpsl",
      trimmedTo: 0,
    }],
  },
  HistoryErase: {
    request: [{ room: "lobby", seq: 813 }, { userId: "u7" }],
    reply: [{ erased: 1 }],
  },
  AuthRevoke: {
    request: [{ userId: "u7", reason: "left the company" }, { tokenId: "0b6f2c9e" }],
    reply: [{ revoked }],
  },
  AuthUnrevoke: { request: [{ userId: "u7" }], reply: [{ lifted: true }] },
  AuthRevocations: { request: [{ limit: 100 }], reply: [{ denials: [revoked], count: 1 }] },
  RoomsKick: { request: [{ room: "lobby", userId: "u7", reason: "too loud" }], reply: [{}] },
  RoomsBan: { request: [{ room: "lobby", userId: "u7" }], reply: [{ banned }] },
  RoomsUnban: { request: [{ room: "lobby", userId: "u7" }], reply: [{ lifted: true }] },
  RoomsBans: { request: [{ room: "lobby" }], reply: [{ denials: [banned], count: 1 }] },
  MicroPing: { type: "io.nats.micro.v1.ping_response", ...about },
  MicroInfo: {
    type: "io.nats.micro.v1.info_response",
    ...about,
    description: "Rolls dice.",
    endpoints: [{ ...rolls, metadata: {} }],
  },
  MicroStats: {
    type: "io.nats.micro.v1.stats_response",
    ...about,
    started: "2026-11-25T12:00:00Z",
    endpoints: [{
      ...rolls,
      num_requests: 2,
      num_errors: 0,
      last_error: "",
      processing_time: 1_200_000,
      average_processing_time: 600_000,
    }],
  },
} as const;
