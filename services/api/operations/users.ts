/**
 * What back-ends do about users: their connections, their tokens, and the numbers of all.
 *
 * @module
 */
import * as z from "zod";
import {
  AuthIssue,
  CallsClaim,
  ConnectionId,
  coversPattern,
  GatewayConnections,
  GatewayDisconnect,
  GatewayState,
  MAX_ROOM_PATTERNS,
  MAX_TOKEN_TTL,
  Right,
  RoomPattern,
  type RoomsClaim,
  UserConnection,
} from "../../contract/mod.ts";
import { FaultError, request } from "../../kit/mod.ts";
import { User, Username } from "./fields.ts";
import { type Call, operation } from "./operation.ts";

/** Most connections in one answer. */
const MAX_CONNECTIONS = 1_000;

/** The life of a token that is asked for without `ttl`, seconds. */
const DEFAULT_TTL = 3_600;

const complete = z.boolean().describe("Whether every gateway answered in time.");

/** Lists the connections of a user. */
export const connections = operation({
  name: "connections",
  scope: "connections",
  summary: "List the connections of a user",
  description:
    "Each gateway lists 100 connections at most, with 20 rooms of each; `count` counts all.",
  reads: true,
  request: z.strictObject({ userId: User }),
  reply: z.strictObject({
    count: z.number().int().min(0),
    connections: z.array(UserConnection),
    complete,
  }),
  example: { userId: "u7" },
  rooms: () => undefined,
  async run({ userId }, call, { gateways }) {
    const { replies, complete } = await gateways.ask(GatewayConnections, { userId }, ask(call));
    return {
      count: replies.reduce((sum, { count }) => sum + count, 0),
      connections: replies.flatMap(({ connections }) => connections).slice(0, MAX_CONNECTIONS),
      complete,
    };
  },
});

/** Closes the connections of a user. */
export const disconnect = operation({
  name: "disconnect",
  scope: "connections",
  summary: "Close the connections of a user, or one of them",
  description:
    "They are closed with 4006, after which clients do not reconnect by themselves. To keep a user " +
    "out, revoke its tokens.",
  request: z.strictObject({
    userId: User,
    connectionId: ConnectionId.optional().describe("Only this connection."),
  }),
  reply: z.strictObject({ closed: z.number().int().min(0), complete }),
  example: { userId: "u7" },
  rooms: () => undefined,
  async run(whom, call, { gateways }) {
    const { replies, complete } = await gateways.ask(GatewayDisconnect, whom, ask(call));
    return { closed: replies.reduce((sum, { closed }) => sum + closed, 0), complete };
  },
});

/** Tells the numbers of rooms, users and connections. */
export const stats = operation({
  name: "stats",
  scope: "stats",
  summary: "Count rooms, users and connections",
  description: "A user or room that two gateways serve is counted by both.",
  reads: true,
  request: z.strictObject({}),
  reply: z.strictObject({
    connections: z.number().int().min(0),
    gateways: z.array(GatewayState.reply),
    complete,
  }),
  example: {},
  rooms: () => undefined,
  async run(_request, call, { gateways }) {
    const { replies, complete } = await gateways.ask(GatewayState, {}, ask(call));
    replies.sort((a, b) => a.gateway < b.gateway ? -1 : 1);
    const connections = replies.reduce((sum, { connections }) => sum + connections, 0);
    return { connections, gateways: replies, complete };
  },
});

/** Issues a token. */
export const token = operation({
  name: "token",
  scope: "tokens",
  summary: "Issue a token for a user",
  description:
    "Auth signs it, if it holds the secret; the API does not know it. A key that is limited to " +
    "rooms must name `rooms` within its own, and may not grant `calls`.",
  request: z.strictObject({
    userId: User,
    username: Username.optional(),
    rooms: z.union([
      z.array(RoomPattern).max(MAX_ROOM_PATTERNS),
      z.array(z.strictObject({ room: RoomPattern, rights: z.array(Right) })).max(MAX_ROOM_PATTERNS),
    ]).optional().describe(
      "The rooms that the bearer may use: patterns, each with all rights or with those given. " +
        "Without it the rules of the namespaces hold.",
    ),
    calls: CallsClaim.optional().describe("What the bearer may call; nothing by default."),
    ttl: z.number().int().min(1).max(MAX_TOKEN_TTL).default(DEFAULT_TTL)
      .describe("The life of the token, seconds. Auth's AUTH_MAX_TOKEN_LIFETIME shortens it."),
  }),
  reply: AuthIssue.reply,
  example: { userId: "u7", username: "Ada", rooms: ["chat.*"], ttl: 900 },
  async run({ rooms: given, ...about }, { key, context, timeLeft }, { bus }) {
    const rooms = claimOf(given);
    if (key.rooms !== undefined) {
      if (about.calls !== undefined && about.calls.length > 0) {
        throw new FaultError("forbidden", "a key that is limited to rooms may not grant calls");
      }
      const patterns = rooms === undefined
        ? [">"]
        : Array.isArray(rooms)
        ? rooms
        : Object.keys(rooms);
      const beyond = patterns.find((inner) =>
        !key.rooms!.some((outer) => coversPattern(outer, inner))
      );
      if (beyond !== undefined) {
        throw new FaultError("forbidden", `the key may not grant ${beyond}`);
      }
    }
    return await request(bus, AuthIssue, { ...about, rooms }, { context, timeout: timeLeft() });
  },
});

type GivenRooms = (string | { room: string; rights: Right[] })[];

/** The claim that grants what was asked for. The same pattern given twice gets the rights of both. */
function claimOf(given: GivenRooms | undefined): RoomsClaim | undefined {
  if (given === undefined) return undefined;
  if (given.every((one) => typeof one === "string")) return given;
  // A map, because a room may be called "constructor".
  const claim = new Map<string, Right[]>();
  for (const one of given) {
    if (typeof one === "string") continue;
    claim.set(one.room, [...new Set([...claim.get(one.room) ?? [], ...one.rights])]);
  }
  return Object.fromEntries(claim);
}

function ask({ timeLeft, context }: Call) {
  return { timeLeft: timeLeft(), context };
}
