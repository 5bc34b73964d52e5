/**
 * Counts the connections that ended before their client had authenticated, by reason.
 *
 * @module
 */
import { observe } from "../../kit/mod.ts";

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
  observe("hopwire.handshakes.failed", (report) => {
    for (const [reason, count] of Object.entries(failures)) report(count, { reason });
  });
  return failures;
}
