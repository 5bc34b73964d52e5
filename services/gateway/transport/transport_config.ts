/**
 * The settings of transports, and the counters that they keep.
 *
 * @module
 */

/** The settings of transports, named as the gateway's variables are. */
export interface TransportConfig {
  /** Origins that browsers may connect from; `*` for all. */
  ALLOWED_ORIGINS: readonly string[];
  /** Whether `?token=` is accepted. */
  TOKEN_IN_QUERY: boolean;
  MAX_CONNECTIONS: number;
  /** Bytes that may wait for a slow reader. */
  SEND_BUFFER_BYTES: number;
  /** Silence before a ping, and before the connection is closed after it, milliseconds. */
  PING_INTERVAL_MS: number;
  PONG_TIMEOUT_MS: number;
  /** Time to authenticate, milliseconds. */
  AUTH_DEADLINE_MS: number;
}

/** The counters that transports keep. */
export interface TransportStats {
  /** Connections open now. */
  connections: number;
  /** Connections opened since the start. */
  connected: number;
  /** Readers closed because too much waited for them. */
  slowConsumers: number;
}
