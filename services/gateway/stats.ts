/**
 * The counters of a gateway. They are plain numbers, so that counting costs nothing on the message
 * path. OpenTelemetry reads them when it exports.
 *
 * @module
 */
import { metrics } from "@opentelemetry/api";

/** The counters of one gateway. All but `connections` and `rooms` count since the start. */
export interface Stats {
  /** Connections open now. */
  connections: number;
  /** Connections opened. */
  connected: number;
  /** Rooms held now, empty ones included. */
  rooms: number;
  /** Frames received from clients. */
  framesIn: number;
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
}

/** Creates the counters of one gateway, all 0, and exports them as `hopwire.*` metrics. */
export function createStats(): Stats {
  const stats: Stats = {
    connections: 0,
    connected: 0,
    rooms: 0,
    framesIn: 0,
    messagesIn: 0,
    deliveries: 0,
    repairs: 0,
    slowConsumers: 0,
    authenticationsRefused: 0,
  };
  const meter = metrics.getMeter("hopwire.gateway");
  const gauge = (name: string, key: keyof Stats) =>
    meter.createObservableGauge(name).addCallback((result) => result.observe(stats[key]));
  const counter = (name: string, key: keyof Stats) =>
    meter.createObservableCounter(name).addCallback((result) => result.observe(stats[key]));
  gauge("hopwire.connections", "connections");
  gauge("hopwire.rooms", "rooms");
  counter("hopwire.connections.opened", "connected");
  counter("hopwire.frames.received", "framesIn");
  counter("hopwire.messages.received", "messagesIn");
  counter("hopwire.deliveries", "deliveries");
  counter("hopwire.repairs", "repairs");
  counter("hopwire.slow_consumers", "slowConsumers");
  counter("hopwire.authentications.refused", "authenticationsRefused");
  return stats;
}
