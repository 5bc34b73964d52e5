/**
 * Counts the connections that ended before their client had authenticated, by reason.
 *
 * @module
 */
import { metrics } from "@opentelemetry/api";

/** Counters since the start. */
export interface HandshakeFailures {
  /** TLS handshakes that failed or took too long. */
  tls: number;
  /** Connections of trusted proxies without a valid PROXY header. */
  proxy: number;
  /** Connections of pages whose origin is not allowed. */
  origin: number;
  /** WebSocket handshakes that were refused because of their path, or because the gateway is full. */
  refused: number;
  /** Connections that closed without a valid token. */
  unauthenticated: number;
}

/** Creates the counters of one gateway, exported as `hopwire.handshakes.failed`. */
export function createHandshakeFailures(): HandshakeFailures {
  const failures = { tls: 0, proxy: 0, origin: 0, refused: 0, unauthenticated: 0 };
  metrics.getMeter("hopwire.gateway").createObservableCounter("hopwire.handshakes.failed")
    .addCallback((result) => {
      for (const [reason, count] of Object.entries(failures)) result.observe(count, { reason });
    });
  return failures;
}
