/**
 * What a hostile client, page or neighbour might send: generators for fast-check. Most of it is nearly
 * right, because what is plainly wrong is refused early.
 *
 * @module
 */
import fc from "fast-check";
import * as z from "zod";
import {
  AuthRevocations,
  AuthRevoke,
  AuthUnrevoke,
  AuthVerify,
  denialSubject,
  GATEWAY_ALIVE,
  GATEWAY_PING,
  GATEWAY_USAGE,
  GatewayAlive,
  HistoryErase,
  HistoryHeads,
  HistoryRead,
  liveSubject,
  LOG_CHANGED,
  LogConfirm,
  messageSubject,
  presenceChangeSubject,
  presenceStateSubject,
  revokedSubject,
  ROOM_ERASED,
  ROOM_KICKED,
  ROOMS_RULES,
  RoomsBan,
  RoomsBans,
  RoomsGrant,
  RoomsJoin,
  RoomsKick,
  RoomsPresence,
  RoomsRoster,
  RoomsUnban,
  RoomsVerify,
  signalSubject,
  unstoredSubject,
  userEventSubject,
} from "../../services/contract/mod.ts";

/** A room that everybody may join, and the user of the hostile clients. */
export const ROOM = "fuzz.room";
export const USER = "mallory";

/** Values that programs get wrong. */
const odd = fc.oneof(
  fc.constantFrom<unknown>(
    null,
    true,
    "",
    0,
    -1,
    1e308,
    -0.5,
    2 ** 53,
    [],
    {},
    "__proto__",
    "constructor",
    "\u0000",
    "\ud800",
    "a".repeat(70),
    ">",
    "*",
    "a..b",
    { __proto__: null, toString: 1 },
  ),
  fc.jsonValue({ maxDepth: 4 }),
  fc.string({ unit: "binary", maxLength: 80 }),
  fc.integer(),
);

/** A value that is mostly the right one. */
const mostly = (right: unknown) =>
  fc.oneof({ weight: 3, arbitrary: fc.constant(right) }, { weight: 1, arbitrary: odd });

/** An object with these fields, some missing, some odd, some more. */
export const nearly = (fields: Record<string, unknown>): fc.Arbitrary<unknown> =>
  fc.tuple(
    fc.record(
      Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, mostly(value)])),
      { requiredKeys: Object.keys(fields).slice(0, 1) },
    ),
    fc.oneof(
      { weight: 4, arbitrary: fc.constant({}) },
      { weight: 1, arbitrary: fc.dictionary(fc.string({ maxLength: 12 }), odd, { maxKeys: 4 }) },
    ),
  ).map(([right, more]) => ({ ...more, ...right }));

/** Texts of client frames. */
export const frameText: fc.Arbitrary<string> = fc.oneof(
  ...[
    { type: "auth", token: "eyJhbGciOiJub25lIn0.e30.", id: "a" },
    { type: "subscribe", room: ROOM, since: { seq: 3, epoch: "x" }, presence: { a: 1 }, id: "s" },
    { type: "unsubscribe", room: ROOM, id: "u" },
    { type: "message", room: ROOM, content: { text: "x" }, id: "m", traceparent: "00-0-0-01" },
    { type: "signal", room: ROOM, content: 1, id: "g", trace: true },
    { type: "history", room: ROOM, before: 9, after: 1, limit: 5, epoch: "x", id: "h" },
    { type: "presence", room: ROOM, after: "u", limit: 3, id: "p" },
    { type: "update-presence", room: ROOM, presence: { status: "away" }, id: "q" },
    { type: "call", service: "dice", method: "roll", data: {}, timeout: 100, id: "c" },
    { type: "measurements", entries: [{ hop: "client.send", ms: 1, ago: 2, room: ROOM }], id: "x" },
    { type: "ping" },
  ].map((frame) => nearly(frame).map((value) => JSON.stringify(value))),
  fc.json(),
  fc.string({ unit: "binary", maxLength: 200 }),
  fc.integer({ min: 1, max: 20_000 }).map((depth) => "[".repeat(depth)),
  fc.integer({ min: 1, max: 70_000 }).map((length) =>
    JSON.stringify({ type: "message", room: ROOM, content: "x".repeat(length), id: "big" })
  ),
);

/** Bytes that are no, or broken, WebSocket frames. */
export const frameBytes: fc.Arbitrary<Uint8Array> = fc.oneof(
  fc.uint8Array({ maxLength: 300 }),
  fc.tuple(
    fc.nat(255),
    fc.oneof(fc.nat(255), fc.constantFrom(0x80, 0xfe, 0xff)),
    fc.uint8Array({ minLength: 4, maxLength: 200 }),
  ).map(([first, second, rest]) => new Uint8Array([first, second, ...rest])),
);

/** A message on the bus. */
export interface BusMessage {
  subject: string;
  payload: string;
  headers: [string, string][];
  /** Whether it asks for a reply. */
  request: boolean;
}

const event = {
  room: ROOM,
  id: "f",
  userId: USER,
  username: "M",
  content: 1,
  timestamp: 1_790_000_000_000,
};
const fact = { userId: USER, username: "M", v: 3, presence: { a: 1 } };
const GATEWAY = "deadbeefdeadbeef";
const DENIED = { kind: "user", userId: "nobody" } as const;

/** What services listen to, each with a payload that is nearly right. */
const onBus: [subject: string, fields: Record<string, unknown>][] = [
  [messageSubject(ROOM), event],
  [liveSubject(ROOM), event],
  [unstoredSubject(ROOM), event],
  [signalSubject(ROOM), event],
  [userEventSubject(USER), { topic: "t", data: 1 }],
  [presenceChangeSubject(ROOM), { gateway: GATEWAY, n: 3, prev: 2, came: [fact], went: ["x"] }],
  [presenceStateSubject(GATEWAY), { rooms: [ROOM], from: GATEWAY, buckets: [1] }],
  [GATEWAY_ALIVE, { gateway: GATEWAY, lease: 3_500, n: 4, count: 2, digest: [1, 2], stopping: 1 }],
  [GATEWAY_PING, {}],
  [GATEWAY_USAGE, { gateway: GATEWAY, users: [{ userId: USER, used: [1, 1, 1, 1, 1, 1, 1] }] }],
  [AuthVerify.subject, { tokens: ["a.b.c"], token: "a.b.c" }],
  [RoomsJoin.subject, { joins: [{ room: ROOM, claim: ["*"] }], rooms: [ROOM], claim: {} }],
  [RoomsGrant.subject, { room: ROOM, claim: ["*"], userId: USER }],
  [RoomsRoster.subject, { gateway: GATEWAY, rooms: [ROOM] }],
  [RoomsVerify.subject, { gateway: GATEWAY, rooms: [{ room: ROOM, fingerprint: 3 }] }],
  [RoomsPresence.subject, { room: ROOM, limit: 3, after: "u" }],
  [ROOMS_RULES, { version: "x" }],
  [HistoryRead.subject, { room: ROOM, limit: 5, before: 9, after: 1, upTo: 3, epoch: "e" }],
  [HistoryHeads.subject, { rooms: [ROOM] }],
  [HistoryErase.subject, { room: ROOM, seq: 3, userId: "nobody" }],
  [LogConfirm.subject, { epoch: "none", lost: 3 }],
  [LOG_CHANGED, { epoch: "none" }],
  [ROOM_ERASED, { room: ROOM, epoch: "none", seqs: [1] }],
  [AuthRevoke.subject, { userId: "nobody", before: 3, tokenId: "t", expiresAt: 4e12, reason: "x" }],
  [AuthUnrevoke.subject, { userId: "nobody", tokenId: "t" }],
  [AuthRevocations.subject, { after: "x", limit: 5 }],
  [revokedSubject("nobody"), {}],
  [RoomsKick.subject, { room: ROOM, userId: "nobody", reason: "x" }],
  [RoomsBan.subject, { room: ROOM, userId: "nobody", until: 4e12, reason: "x" }],
  [RoomsUnban.subject, { room: ROOM, userId: "nobody" }],
  [RoomsBans.subject, { room: ROOM, userId: "nobody", after: "x", limit: 5 }],
  [ROOM_KICKED, { room: ROOM, userId: "nobody", reason: "x" }],
  [denialSubject(DENIED), { ...DENIED, before: 3, at: 3, expiresAt: null, lifted: true }],
];

const ENDPOINTS = [
  AuthVerify,
  RoomsGrant,
  RoomsJoin,
  RoomsRoster,
  RoomsVerify,
  RoomsPresence,
  HistoryRead,
  HistoryHeads,
  HistoryErase,
  LogConfirm,
  AuthRevoke,
  AuthUnrevoke,
  AuthRevocations,
  RoomsKick,
  RoomsBan,
  RoomsUnban,
  RoomsBans,
];

/** How JetStream answers who publishes to a stream. */
const PubAck = z.union([
  z.object({ stream: z.string(), seq: z.number().int() }),
  z.object({ error: z.object({ code: z.number().int() }) }),
]);

/** The schemas of what is answered on a subject. Nothing else is answered but by an error. */
export const REPLIES = new Map<string, z.ZodType>([
  ...ENDPOINTS.map(({ subject, reply }): [string, z.ZodType] => [subject, reply]),
  [messageSubject(ROOM), PubAck],
  [denialSubject(DENIED), PubAck],
  [GATEWAY_PING, GatewayAlive],
]);

/** Messages to the services, from whoever has reached the bus. */
export const busMessage: fc.Arbitrary<BusMessage> = fc.constantFrom(...onBus).chain((
  [subject, fields],
) =>
  fc.record({
    subject: fc.constant(subject),
    payload: fc.oneof(
      { weight: 5, arbitrary: nearly(fields).map((value) => JSON.stringify(value)) },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 200 }) },
    ),
    headers: fc.array(
      fc.tuple(
        fc.constantFrom("Hopwire-Checked", "Nats-Sequence", "Nats-Last-Sequence", "traceparent"),
        fc.oneof(fc.constantFrom("1", "0", "-1", "NaN", ""), fc.string({ maxLength: 20 })),
      ).map(([name, value]): [string, string] => [name, value.replace(/[^\x20-\x7e]/g, "?")]),
      { maxLength: 3 },
    ),
    request: fc.boolean(),
  })
);
