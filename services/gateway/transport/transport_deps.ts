/**
 * What every transport needs from the gateway.
 *
 * @module
 */
import type { Bus } from "../../kit/mod.ts";
import type { Peer } from "../session/peer.ts";
import type { Session } from "../session/session.ts";
import type { FlushSchedule } from "../wire/flush_schedule.ts";
import type { MemoryBudget } from "../wire/memory_budget.ts";
import type { Connections } from "./connections.ts";
import type { ClientAddresses } from "./front/client_address.ts";
import type { HandshakeFailures } from "./handshake_failures.ts";
import type { TransportConfig, TransportStats } from "./transport_config.ts";

/** What every transport needs from the gateway. */
export interface TransportDeps {
  /** The gateway's id. */
  id: string;
  bus: Bus;
  config: TransportConfig;
  stats: TransportStats;
  flushes: FlushSchedule;
  connections: Connections;
  addresses: ClientAddresses;
  failures: HandshakeFailures;
  /** What may wait in memory. */
  memory: MemoryBudget;
  /** Opens a session on a transport's connection. `now` is a monotonic time in milliseconds. */
  openSession(peer: Peer, now: number): Session;
}
