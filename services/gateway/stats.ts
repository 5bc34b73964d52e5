/**
 * The counters of a gateway. They are plain numbers, so that counting costs nothing on the message
 * path. OpenTelemetry reads them when it exports.
 *
 * @module
 */
import { CountByKey, observe, observeValue } from "../kit/mod.ts";
import { ConnectionCounts } from "./transport/connection_counts.ts";

/** The counters of one gateway. All but `rooms` count since the start. */
export interface Stats {
  /** Connections: now, opened and closed. */
  readonly connections: ConnectionCounts;
  /** Rooms held now, empty ones included. */
  rooms: number;
  /** Frames received from clients, and their bytes. */
  framesIn: number;
  bytesIn: number;
  /** Messages accepted from clients. */
  messagesIn: number;
  /** Message frames handed to members: one per message and member. */
  deliveries: number;
  /** Reads of the archive that filled a gap in the live messages. */
  repairs: number;
  /** Connections closed because the client read too slowly. */
  slowConsumers: number;
  /** Authentications refused: an invalid, expired or revoked token. */
  authenticationsRefused: number;
  /** Joins of rooms by outcome, error frames by code, and what was refused because of a limit, by limit. */
  readonly joins: CountByKey;
  readonly errors: CountByKey;
  readonly limited: CountByKey;
}

/** Creates the counters of one gateway, all 0, and exports them as `hopwire.*` metrics. */
export function createStats(): Stats {
  const stats: Stats = {
    connections: new ConnectionCounts(),
    rooms: 0,
    framesIn: 0,
    bytesIn: 0,
    messagesIn: 0,
    deliveries: 0,
    repairs: 0,
    slowConsumers: 0,
    authenticationsRefused: 0,
    joins: new CountByKey("hopwire.joins", "outcome"),
    errors: new CountByKey("hopwire.errors", "code"),
    limited: new CountByKey("hopwire.rate_limited", "limit"),
  };
  observeValue("hopwire.rooms", () => stats.rooms);
  observeValue("hopwire.frames.received", () => stats.framesIn);
  observeValue("hopwire.messages.received", () => stats.messagesIn);
  observeValue("hopwire.messages.delivered", () => stats.deliveries);
  observeValue("hopwire.repairs", () => stats.repairs);
  observeValue("hopwire.slow_consumers", () => stats.slowConsumers);
  observeValue("hopwire.authentications.refused", () => stats.authenticationsRefused);
  return stats;
}

/** What a gateway knows of itself when it is asked, beside its {@link Stats}. */
export interface GatewayState {
  /** Users connected now. */
  users(): number;
  /** Bytes written to clients since the start. */
  bytesOut(): number;
  /** What waits in memory, and what may: bytes; connections closed because of it. */
  memory: { readonly waiting: number; readonly max: number; readonly evictions: number };
  /** Messages handed to NATS that JetStream has not acknowledged. */
  pending(): number;
}

/** Exports what is read of the parts of a gateway. Call it once. */
export function exportState(
  stats: Stats,
  { users, bytesOut, memory, pending }: GatewayState,
): void {
  observeValue("hopwire.users", users);
  observe("hopwire.network.io", (report) => {
    report(stats.bytesIn, { "network.io.direction": "receive" });
    report(bytesOut(), { "network.io.direction": "transmit" });
  });
  observeValue("hopwire.memory.waiting", () => memory.waiting);
  observeValue("hopwire.memory.budget", () => memory.max);
  observeValue("hopwire.memory.evictions", () => memory.evictions);
  observeValue("hopwire.publishes.pending", pending);
}
