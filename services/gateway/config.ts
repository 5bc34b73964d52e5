/**
 * The variables of the gateway, in addition to those that every service reads.
 *
 * @module
 */
import * as z from "zod";
import { AUTH_DEADLINE_MS, GATEWAY_LEASE_MS } from "../contract/mod.ts";
import { flag, integer, list, port, revocationsStale } from "../kit/mod.ts";
import { QUOTA_CONFIG } from "./quota_config.ts";
import { FRONT_CONFIG } from "./transport/front/front_config.ts";

/** The schemas of the variables. */
export const GATEWAY_CONFIG = {
  ALLOWED_ORIGINS: origins().default([]).meta({
    description: "Origins whose pages may connect, in addition to the gateway's own host. `*` " +
      "allows all. Clients that send no `Origin` (not browsers) may always connect.",
    range: "comma-separated origins, or *",
  }),
  // Off by default: tokens in URLs end up in logs.
  TOKEN_IN_QUERY: flag().default(false).meta({
    description: "Whether the gateway accepts a token in the URL, as `?token=`.",
  }),
  REUSE_PORT: flag().default(false).meta({
    description: "Whether other gateways may listen on the same port. Linux spreads new " +
      "connections over them.",
  }),
  HEALTH_PORT: port().optional().meta({
    description:
      "A port for `/healthz` and `/readyz` alone, by plain HTTP on `HOST`. Where gateways " +
      "share `PORT`, only this one tells which of them is meant. With 0 the system chooses one. The " +
      "start command gives each of several gateways one; the second of them gets the next number.",
  }),
  HEALTH_PORT_FILE: z.string().optional().meta({
    description:
      "A file that gets the number of that port, for checks that run beside the gateway.",
    range: "a path",
  }),
  ...FRONT_CONFIG,
  MAX_CONNECTIONS: integer(1, 1_000_000).default(15_000).meta({
    description: "The largest number of open connections. The gateway answers 503 to one more.",
    unit: "connections",
  }),
  MAX_ROOMS: integer(1, 10_000).default(100).meta({
    description: "The largest number of rooms that one connection may be in.",
    unit: "rooms",
  }),
  MAX_ROOMS_SERVED: integer(1, 1_000_000).default(50_000).meta({
    description: "The largest number of rooms that one gateway serves.",
    unit: "rooms",
  }),
  MAX_UNAUTHENTICATED: integer(1, 1_000_000).default(5_000).meta({
    description:
      "The largest number of connections that have not authenticated yet. For one more " +
      "the gateway drops the oldest whose client has sent no token. Keep it below " +
      "`MAX_CONNECTIONS`.",
    unit: "connections",
  }),
  ...QUOTA_CONFIG,
  RATE_FRAMES_PER_SECOND: integer(1, 1_000_000).default(200).meta({
    description: "The sustained rate of frames that a connection may send.",
    unit: "frames/s",
  }),
  RATE_BURST: integer(1, 1_000_000).default(1_000).meta({
    description: "How many frames a connection may send at once after a pause.",
    unit: "frames",
  }),
  // The minimum holds one page of history.
  SEND_BUFFER_BYTES: integer(786_432, 1_073_741_824).default(1_048_576).meta({
    description: "The largest backlog of a slow client. The gateway closes a connection that " +
      "exceeds it with 4101.",
    unit: "bytes",
  }),
  MEMORY_BUDGET_BYTES: integer(16_777_216, 1_099_511_627_776).default(268_435_456).meta({
    description: "What may wait in memory over all connections: frames queued for slow clients, " +
      "history, frames to execute. Above it the gateway closes the connections of the user that " +
      "owes most with 4101.",
    unit: "bytes",
  }),
  HISTORY_BUDGET_BYTES: integer(1_048_576, 1_073_741_824).default(33_554_432).meta({
    description: "What pages of history may take from their request until they are queued for " +
      "their clients, over all connections. Each page reserves 640 KiB. Requests wait up to 4 s.",
    unit: "bytes",
  }),
  FLUSH_WINDOW_MS: integer(0, 1_000).default(10).meta({
    description:
      "How long a busy gateway holds frames back to send several in one write. An idle " +
      "gateway sends at once; with 0 a busy one does too.",
    unit: "ms",
  }),
  PING_INTERVAL_MS: integer(100, 3_600_000).default(25_000).meta({
    description: "The gateway pings a connection after this much silence.",
    unit: "ms",
  }),
  PONG_TIMEOUT_MS: integer(100, 3_600_000).default(10_000).meta({
    description:
      "The gateway closes a connection with 4103 when a ping gets no answer in this time.",
    unit: "ms",
  }),
  IDLE_TIMEOUT_MS: integer(0, 86_400_000).default(300_000).meta({
    description:
      "The gateway closes a connection with 4102 when its client sends no frame, and no poll, " +
      "for this long. 0 turns this off.",
    unit: "ms",
  }),
  AUTH_DEADLINE_MS: integer(100, 60_000).default(AUTH_DEADLINE_MS).meta({
    description: "How long a new connection may take to authenticate.",
    unit: "ms",
  }),
  PRESENCE_LINGER_MS: integer(0, 60_000).default(2_000).meta({
    description: "How long a user whose connection was lost stays present, so that a reconnect " +
      "shows no leave and join.",
    unit: "ms",
  }),
  STATE_CONNECTIONS: flag().default(false).meta({
    description:
      "Whether to state which users are connected, for webhooks. The start command sets " +
      "it with WEBHOOKS_FILE.",
  }),
  GATEWAY_LEASE_MS: integer(1_500, 60_000).default(GATEWAY_LEASE_MS).meta({
    description:
      "How long others keep this gateway's members without a heartbeat from it, which it " +
      "sends every second.",
    unit: "ms",
  }),
  TRACE_USER_IDS: z.enum(["plain", "hashed", "off"]).default("plain").meta({
    description:
      "Whether spans name users by their ids, by hashes of these (SHA-256, which tells " +
      "whose span it is to anybody who knows the ids), or not at all.",
  }),
  DRAIN_WINDOW_MS: integer(0, 600_000).default(10_000).meta({
    description: "How long clients may stay connected to a gateway that stops, until it is their " +
      "turn to move to another one. The process exits up to 12 s later.",
    unit: "ms",
  }),
  REVOCATIONS_STALE_MS: revocationsStale(),
  DEMO: flag().default(false).meta({
    description: "Whether the gateway serves the demo page at `/`.",
  }),
  API_DOCS: flag().optional().meta({
    description: "Whether the gateway serves the documents of its protocols: a page at `/docs`, " +
      "`/asyncapi.json`, `/openapi.json` and `/schemas.json`. By default as `DEMO`.",
  }),
  DEMO_TOKEN_URL: z.url("expected a URL").optional().meta({
    description: "Where the demo page gets development tokens.",
    range: "a URL",
  }),
  DEMO_MONITOR_URL: z.url({ protocol: /^https?$/, error: "expected an http or https URL" })
    .optional()
    .meta({
      description: "Where the page of monitor is, for browsers. With it each message of the demo " +
        "page links to its hops.",
      range: "a URL",
    }),
} as const;

/** A gateway's configuration. */
export type GatewayConfig = z.infer<z.ZodObject<typeof GATEWAY_CONFIG>>;

/** Accepts a list of origins, each exactly as a browser sends it in `Origin`; or `*`. */
function origins(): z.ZodType<string[], string> {
  return list().superRefine((parts, context) => {
    for (const part of parts) {
      const problem = originProblem(part);
      if (problem === undefined) continue;
      context.addIssue(`expected origins such as https://app.example, or *; ${problem}`);
      return;
    }
  });
}

/** What is wrong with an origin; undefined when nothing is. An invalid one would never match. */
function originProblem(text: string): string | undefined {
  if (text === "*") return undefined;
  const quoted = JSON.stringify(text);
  if (text.includes("*")) return `wildcards such as ${quoted} are not supported`;
  if (!text.includes("://")) {
    return /^[\w.-]+(:\d+)?$/.test(text)
      ? `${quoted} has no scheme, write "http://${text}" or "https://${text}"`
      : `${quoted} has no scheme`;
  }
  const url = URL.parse(text);
  if (url === null || !/^[a-z][a-z\d+.-]*:\/\/[^\s/?#]+/i.test(text)) {
    return `${quoted} is not an origin`;
  }
  if (url.username !== "" || url.password !== "") return "an origin has no credentials";
  if (/^wss?:$/.test(url.protocol)) {
    return `${quoted} must start with http:// or https://, as the address of the page does`;
  }
  // Schemes of apps (capacitor:, chrome-extension:) have no origin in the URL standard.
  const origin = url.origin === "null" ? `${url.protocol}//${url.host}` : url.origin;
  return text === origin ? undefined : `write ${quoted} as "${origin}"`;
}
