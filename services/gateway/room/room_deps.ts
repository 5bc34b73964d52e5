/**
 * What a room needs from the gateway.
 *
 * @module
 */
import type { RosterPart } from "../../contract/mod.ts";
import type { Bus } from "../../kit/mod.ts";
import type { FlushSchedule } from "../wire/flush_schedule.ts";
import type { DeliveryHops } from "./delivery_hops.ts";
import type { HistoryReader } from "./history_reader.ts";
import type { LogHead } from "./log_head.ts";
import type { Log } from "./log.ts";
import type { Presence } from "./presence.ts";
import type { WindowBudget } from "./window.ts";

/** The counters that a room raises. */
export interface RoomStats {
  /** Frames handed to members: one per message and member. */
  deliveries: number;
  /** Reads of the archive that filled a gap in the live messages. */
  repairs: number;
}

/** What a room needs from the gateway. */
export interface RoomDeps {
  bus: Bus;
  history: HistoryReader;
  stats: RoomStats;
  windows: WindowBudget;
  flushes: FlushSchedule;
  /** Measures what deliveries take. */
  deliveries: DeliveryHops;
  /**
   * Reads where a room's log ends.
   *
   * @throws {FaultError} `unavailable` if the log cannot be reached
   */
  readHead(room: string): Promise<LogHead>;
  /** The stream of the log that stores a room's messages. */
  logOf(room: string): Pick<Log, "anchors" | "checkIdentity" | "end">;
  /** Presence on this gateway. */
  presence: Presence;
  /**
   * Requests what other gateways state about a room.
   *
   * @throws {FaultError} `unavailable` if rooms cannot answer in time
   */
  roster(room: string): Promise<RosterPart[]>;
}
