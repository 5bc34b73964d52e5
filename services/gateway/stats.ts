/**
 * The counters of a gateway. They are plain numbers, so that counting costs nothing on the message
 * path. OpenTelemetry reads them when it exports.
 *
 * @module
 */
import { observeValue } from "../kit/mod.ts";

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
  observeValue("hopwire.rooms", () => stats.rooms);
  observeValue("hopwire.frames.received", () => stats.framesIn);
  observeValue("hopwire.messages.received", () => stats.messagesIn);
  observeValue("hopwire.messages.delivered", () => stats.deliveries);
  observeValue("hopwire.repairs", () => stats.repairs);
  observeValue("hopwire.slow_consumers", () => stats.slowConsumers);
  observeValue("hopwire.authentications.refused", () => stats.authenticationsRefused);
  return stats;
}
