/**
 * The schemas that are published, by the names that they have in the documents and so in generated code.
 * Frames have the names that the code gives them; a request and its reply are named after their endpoint.
 *
 * @module
 */
import * as z from "zod";
import { HEADER_SCHEMAS } from "./bus/headers.ts";
import type { NamedSchemas } from "./json_schemas.ts";
import * as contract from "../../contract/mod.ts";
import { CLIENT_FRAMES, PollAnswer, ServerFrame } from "../../contract/mod.ts";

/** The names of server frames that client frames of the same `type` have taken. */
const PAGES: Readonly<Record<string, string>> = {
  history: "HistoryPageFrame",
  presence: "PresencePageFrame",
};

/** The requests and replies that a service of one's own may use, by the names of their endpoints. */
export const ENDPOINTS = {
  RoomsGrant: contract.RoomsGrant,
  RoomsPresence: contract.RoomsPresence,
  HistoryRead: contract.HistoryRead,
  HistoryErase: contract.HistoryErase,
  AuthRevoke: contract.AuthRevoke,
  AuthUnrevoke: contract.AuthUnrevoke,
  AuthRevocations: contract.AuthRevocations,
  RoomsKick: contract.RoomsKick,
  RoomsBan: contract.RoomsBan,
  RoomsUnban: contract.RoomsUnban,
  RoomsBans: contract.RoomsBans,
} as const satisfies Record<string, { subject: string; request: z.ZodType; reply: z.ZodType }>;

/** The name of an endpoint. */
export type EndpointName = keyof typeof ENDPOINTS;

/** Returns the name of the schema of a client frame: `auth` is `AuthFrame`. */
export function clientFrameName(type: string): string {
  return `${pascal(type)}Frame`;
}

/** Returns the name of the schema of a server frame: `room-message` is `RoomMessageFrame`. */
export function serverFrameName(type: string): string {
  return PAGES[type] ?? `${pascal(type)}Frame`;
}

/** Turns `update-presence` into `UpdatePresence`. */
function pascal(type: string): string {
  return type.split("-").map((word) => word.charAt(0).toUpperCase() + word.slice(1)).join("");
}

const clientFrames = Object.entries(CLIENT_FRAMES).map(([type, schema]) =>
  [clientFrameName(type), schema] as const
);
const serverFrames = ServerFrame.options.map((schema) =>
  [serverFrameName(schema.shape.type.value), schema] as const
);

/** What monitor answers. */
export const MONITOR_SCHEMAS: NamedSchemas = {
  MonitorOverview: contract.Overview,
  MonitorMessages: contract.MessageList,
  MonitorTrace: contract.Trace,
  MonitorMessage: contract.MessageSummary,
  MonitorSpan: contract.TraceSpan,
  MonitorHop: contract.HopSummary,
  MonitorProcess: contract.ProcessSummary,
  MonitorAlert: contract.Alert,
  MonitorRefusal: contract.MonitorRefusal,
};

/** Every published schema. */
export const SCHEMAS: NamedSchemas = {
  RoomName: contract.RoomName,
  RoomPattern: contract.RoomPattern,
  FrameId: contract.FrameId,
  UserId: contract.UserId,
  Username: contract.Username,
  Seq: contract.Seq,
  Epoch: contract.Epoch,
  Since: contract.Since,
  Traceparent: contract.Traceparent,
  TraceId: contract.TraceId,
  PresenceState: contract.PresenceState,
  Member: contract.Member,
  Right: contract.Right,
  RoomsClaim: contract.RoomsClaim,
  CallPattern: contract.CallPattern,
  CallsClaim: contract.CallsClaim,
  TokenId: contract.TokenId,

  ClientFrame: z.union(Object.values(CLIENT_FRAMES)),
  ...Object.fromEntries(clientFrames),
  ServerFrame,
  ...Object.fromEntries(serverFrames),

  SessionKey: contract.SessionKey,
  StreamOpened: contract.StreamOpened,
  SessionClosed: contract.SessionClosed,
  SendHead: contract.SendHead,
  PollHead: contract.PollHead,
  PollAnswer: PollAnswer.extend({ frames: z.array(ServerFrame) }),
  Healthy: contract.Healthy,
  NotReady: contract.NotReady,
  DevTokenRequest: contract.DevTokenRequest,
  DevToken: contract.DevToken,
  DevTokenRefused: contract.DevTokenRefused,

  RoomEvent: contract.RoomEvent,
  SignalEvent: contract.SignalEvent,
  UserEvent: contract.UserEvent,
  CallRequest: contract.CallRequest,
  ScreenedMessage: contract.ScreenedMessage,
  Verdict: contract.Verdict,
  ArchivedMessage: contract.ArchivedMessage,
  Denial: contract.Denial,
  WebhookEvent: contract.WebhookEvent,
  WebhookBatch: contract.WebhookBatch,
  MicroPing: contract.MicroPing,
  MicroInfo: contract.MicroInfo,
  MicroStats: contract.MicroStats,
  ...MONITOR_SCHEMAS,
  ...Object.fromEntries(
    Object.entries(ENDPOINTS).flatMap(([name, { request, reply }]) => [
      [`${name}Request`, request],
      [`${name}Reply`, reply],
    ]),
  ),
  ...HEADER_SCHEMAS,
};
