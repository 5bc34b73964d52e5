/**
 * Webhooks: the events that back-ends get by HTTP, and the file that says who gets which. No I/O; imports
 * only zod.
 *
 * @module
 */
import * as z from "zod";
import { UserId, Username } from "./frame_fields.ts";
import { RoomEvent } from "./bus.ts";
import { RoomName, RoomPattern } from "./rooms.ts";

/** Most endpoints in one file. Each has two consumers in NATS. */
export const MAX_WEBHOOK_ENDPOINTS = 100;

/** Most events in one request, and most bytes of them, about. */
export const MAX_WEBHOOK_BATCH = 1_000;
/** See {@link MAX_WEBHOOK_BATCH}. One event more may exceed it. */
export const MAX_WEBHOOK_BATCH_BYTES = 1_048_576;

/** The id of an event, which stays the same whenever it is sent again. */
export const WebhookEventId = z.string().regex(/^[A-Za-z0-9_-]{1,64}$/);

/** A time in UTC, as JavaScript writes it. */
const Time = z.string().regex(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);

const about = { id: WebhookEventId, timestamp: Time };
const User = z.object({ userId: UserId, username: Username });
const Room = z.object({ room: RoomName });

/** What happened, by the type of the event. */
const EVENTS = [
  z.object({
    ...about,
    type: z.literal("room.message").describe("A message was stored in a room."),
    data: RoomEvent.omit({ erased: true }).extend({
      seq: z.number().int().min(1).describe("Its place in the order of the room."),
    }),
  }),
  z.object({
    ...about,
    type: z.literal("room.joined").describe("A user is in a room who was not in it before."),
    data: Room.extend(User.shape),
  }),
  z.object({
    ...about,
    type: z.literal("room.left").describe("A user has left a room, on every gateway."),
    data: Room.extend(User.shape),
  }),
  z.object({
    ...about,
    type: z.literal("room.occupied").describe("The first user is in a room."),
    data: Room,
  }),
  z.object({
    ...about,
    type: z.literal("room.vacated").describe("The last user has left a room."),
    data: Room,
  }),
  z.object({
    ...about,
    type: z.literal("user.connected").describe("A user has a connection who had none before."),
    data: User,
  }),
  z.object({
    ...about,
    type: z.literal("user.disconnected").describe("A user has no connection any more."),
    data: User,
  }),
  z.object({
    ...about,
    type: z.literal("webhook.test").describe("`deno task webhooks test` sent it."),
    data: z.object({ endpoint: z.string() }),
  }),
] as const;

/** One event: the body of a request to an endpoint without batches. */
export const WebhookEvent = z.discriminatedUnion("type", EVENTS);
/** The parsed form of {@link WebhookEvent}. */
export type WebhookEvent = z.infer<typeof WebhookEvent>;

/** Several events: the body of each request to an endpoint with batches. */
export const WebhookBatch = z.object({
  type: z.literal("batch"),
  timestamp: Time,
  data: z.object({ events: z.array(WebhookEvent).min(1).max(MAX_WEBHOOK_BATCH) }),
});
/** The parsed form of {@link WebhookBatch}. */
export type WebhookBatch = z.infer<typeof WebhookBatch>;

/** The types of events that an endpoint may ask for. */
export const WEBHOOK_TYPES = [
  "room.message",
  "room.joined",
  "room.left",
  "room.occupied",
  "room.vacated",
  "user.connected",
  "user.disconnected",
] as const;
/** One of {@link WEBHOOK_TYPES}. */
export type WebhookType = typeof WEBHOOK_TYPES[number];

/** The id of an endpoint: it names consumers and subjects. */
export const WebhookEndpointId = z.string().regex(
  /^[a-z0-9][a-z0-9_-]{0,31}$/,
  "expected 1 to 32 characters of a-z 0-9 _ -",
);

/** The start of a secret. */
export const WEBHOOK_SECRET_PREFIX = "whsec_";

/** A secret of Standard Webhooks: `whsec_` and the base64 of 24 to 64 bytes. */
const Secret = z.string().refine((text) => {
  const match = /^whsec_([A-Za-z0-9+/]+={0,2})$/.exec(text);
  if (match === null) return false;
  try {
    const { length } = atob(match[1]!);
    return length >= 24 && length <= 64;
  } catch {
    return false;
  }
}, "expected whsec_ and the base64 of 24 to 64 bytes: see deno task webhooks secret");

/** Names under which a machine knows itself. */
const LOOPBACK = /^(localhost|127(\.\d{1,3}){3}|\[::1\])$/;

/** Whether a URL's host is this machine, by name or address. */
export function isLoopbackHost(hostname: string): boolean {
  return LOOPBACK.test(hostname);
}

/** Who gets which events. */
export const WebhookEndpoint = z.strictObject({
  /** Names the endpoint in logs, metrics and commands. Its position goes with the id. */
  id: WebhookEndpointId,
  /** Where events are posted. */
  url: z.url({ protocol: /^https?$/, error: "expected an http or https URL" }).max(2_048),
  /** The secrets that sign: one, or several while receivers change over to a new one. */
  secrets: z.array(Secret).min(1).max(4),
  /** The types of events. */
  events: z.array(z.enum(WEBHOOK_TYPES)).min(1),
  /** The rooms whose events are wanted; all of them without it. */
  rooms: z.array(RoomPattern).min(1).max(64).optional(),
  /** Several events in one request. Without it, one. */
  batch: z.strictObject({
    maxEvents: z.number().int().min(1).max(MAX_WEBHOOK_BATCH).default(100),
    /** How long the first event waits for others, milliseconds. */
    maxWaitMs: z.number().int().min(0).max(60_000).default(1_000),
  }).optional(),
  /** Requests in progress. With one, events are sent in order until one fails. */
  concurrency: z.number().int().min(1).max(64).default(1),
  /** How long the endpoint may take to answer, milliseconds. */
  timeoutMs: z.number().int().min(100).max(30_000).default(10_000),
  /** How often and for how long an event is tried. */
  retry: z.strictObject({
    maxAttempts: z.number().int().min(1).max(1_000).default(20),
    /** An event that is older than this, and was tried three times, is given up, too. */
    maxAgeHours: z.number().min(0.01).max(720).default(72),
    /** The delay after the first failure, milliseconds; three times as long after each further one. */
    firstDelayMs: z.number().int().min(10).max(3_600_000).default(1_000),
    maxDelayMs: z.number().int().min(10).max(86_400_000).default(3_600_000),
  }).prefault({}),
  /** False: nothing is sent, and events wait. */
  enabled: z.boolean().default(true),
  /** Allows http to other machines. */
  allowHttp: z.boolean().default(false),
  /** Allows hosts whose address is private: of a local network, or of this machine under another name. */
  allowPrivate: z.boolean().default(false),
}).superRefine(({ url, allowHttp }, context) => {
  const parsed = URL.parse(url);
  if (parsed === null) return;
  if (parsed.username !== "" || parsed.password !== "") {
    context.addIssue({ code: "custom", path: ["url"], message: "expected no user or password" });
  }
  if (parsed.protocol === "http:" && !allowHttp && !isLoopbackHost(parsed.hostname)) {
    const message = "expected https: http is for this machine, or with allowHttp";
    context.addIssue({ code: "custom", path: ["url"], message });
  }
});
/** The parsed form of {@link WebhookEndpoint}. */
export type WebhookEndpoint = z.infer<typeof WebhookEndpoint>;

/** The content of the file of WEBHOOKS_FILE. */
export const WebhooksFile = z.strictObject({
  endpoints: z.array(WebhookEndpoint).max(MAX_WEBHOOK_ENDPOINTS).refine(
    (endpoints) => new Set(endpoints.map(({ id }) => id)).size === endpoints.length,
    "two endpoints have the same id",
  ),
});
/** The parsed form of {@link WebhooksFile}. */
export type WebhooksFile = z.infer<typeof WebhooksFile>;
