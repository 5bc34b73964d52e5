/**
 * What a gateway counts: plain numbers, so that counting costs nothing where it happens, read by
 * OpenTelemetry when it exports.
 *
 * @module
 */
import { metrics } from "@opentelemetry/api";

/** The numbers of one gateway. */
export interface Stats {
  /** Now, and all that ever came. */
  connections: number;
  connected: number;
  rooms: number;
  framesIn: number;
  messagesIn: number;
  deliveries: number;
  repairs: number;
  slowConsumers: number;
}

/** Makes a gateway's numbers and offers them as metrics. */
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
  return stats;
}
