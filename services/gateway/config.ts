/**
 * The variables of the gateway, beside those that every service has.
 *
 * @module
 */
import * as z from "zod";
import { AUTH_DEADLINE_MS } from "../contract/mod.ts";
import { flag, integer, list } from "../kit/mod.ts";

export const GATEWAY_CONFIG = {
  /**
   * Origins that browsers may connect from, separated by commas; `*` for all. Without it only pages
   * of the gateway's own host may. Clients that send no Origin (not browsers) always may.
   */
  ALLOWED_ORIGINS: list().default([]),
  /** Whether `?token=` is taken. Off: tokens in URLs end up in logs. */
  TOKEN_IN_QUERY: flag().default(false),
  /** Whether other gateways may listen on the same port: Linux spreads connections between them. */
  REUSE_PORT: flag().default(false),
  /** Connections at a time; one more is answered 503. */
  MAX_CONNECTIONS: integer(1, 1_000_000).default(15_000),
  /** Rooms one connection may be in, and rooms one gateway may serve. */
  MAX_ROOMS: integer(1, 10_000).default(100),
  MAX_ROOMS_SERVED: integer(1, 1_000_000).default(50_000),
  /** Frames a connection may send a second, and how many at once after a pause. */
  RATE_FRAMES_PER_SECOND: integer(1, 1_000_000).default(200),
  RATE_BURST: integer(1, 1_000_000).default(1_000),
  /** Bytes that may wait for a slow reader; above it is closed with 4101. A page of history fits. */
  SEND_BUFFER_BYTES: integer(786_432, 1_073_741_824).default(1_048_576),
  /**
   * How long frames may wait for others to go out with in one write while the gateway is busy, ms; 0:
   * never. While it is not busy nothing waits.
   */
  FLUSH_WINDOW_MS: integer(0, 1_000).default(10),
  /** Silence after which a connection is pinged, and after which it is closed with 4103, ms. */
  PING_INTERVAL_MS: integer(100, 3_600_000).default(25_000),
  PONG_TIMEOUT_MS: integer(100, 3_600_000).default(10_000),
  /** Time without a frame after which a connection is closed with 4102, ms; 0: never. */
  IDLE_TIMEOUT_MS: integer(0, 86_400_000).default(0),
  /** Time to show a token, ms. */
  AUTH_DEADLINE_MS: integer(100, 60_000).default(AUTH_DEADLINE_MS),
  /** How long a user whose connection was lost may come back without having left, ms. */
  PRESENCE_LINGER_MS: integer(0, 60_000).default(2_000),
  /** Whether the demo page is served at `/`, and where it gets development tokens. */
  DEMO: flag().default(false),
  DEMO_TOKEN_URL: z.url().optional(),
} as const;

/** A gateway's configuration. */
export type GatewayConfig = z.infer<z.ZodObject<typeof GATEWAY_CONFIG>>;
