/**
 * The settings of the transports, and the counters that they raise.
 *
 * @module
 */

import type { ConnectionCounts } from "./connection_counts.ts";

/** The settings of the transports, named as the gateway's variables are. */
export interface TransportConfig {
  /** Origins that browsers may connect from; `*` for all. */
  ALLOWED_ORIGINS: readonly string[];
  /** Whether `?token=` is accepted. */
  TOKEN_IN_QUERY: boolean;
  /** Connections that a gateway accepts at a time. */
  MAX_CONNECTIONS: number;
  /** Connections that may be without a verified token at a time. */
  MAX_UNAUTHENTICATED: number;
  /** Bytes that may be queued for a slow reader before its connection is closed. */
  SEND_BUFFER_BYTES: number;
  /** Silence before a ping, and further silence before the connection is closed, milliseconds. */
  PING_INTERVAL_MS: number;
  PONG_TIMEOUT_MS: number;
  /** Time to authenticate, milliseconds. */
  AUTH_DEADLINE_MS: number;
}

/** The counters that transports raise. */
export interface TransportStats {
  /** Connections: now, opened and closed. */
  readonly connections: ConnectionCounts;
  /** Connections closed because the client read too slowly. */
  slowConsumers: number;
}
