/**
 * What all sessions of a gateway share.
 *
 * @module
 */
import type { Identity } from "../contract/mod.ts";
import type { Bus, StreamPublisher } from "../kit/mod.ts";
import type { GatewayConfig } from "./config.ts";
import type { FlushSchedule } from "./wire/flush_schedule.ts";
import type { HistoryReader } from "./room/history_reader.ts";
import type { Log } from "./room/log_epoch.ts";
import type { Membership } from "./session/membership.ts";
import type { PresenceKeeper } from "./room/presence_keeper.ts";
import type { RoomTable } from "./room/room_table.ts";
import type { Session } from "./session/session.ts";
import type { Stats } from "./stats.ts";
import type { UserTable } from "./session/user_table.ts";

/** See the module's doc. */
export interface Edge {
  readonly id: string;
  readonly config: GatewayConfig;
  readonly bus: Bus;
  readonly publisher: StreamPublisher;
  readonly log: Log;
  readonly rooms: RoomTable;
  readonly presence: PresenceKeeper;
  readonly history: HistoryReader;
  readonly users: UserTable;
  readonly stats: Stats;
  readonly flushes: FlushSchedule;
  readonly sessions: Set<Session>;
  /** Asks auth who the bearer of a token is; throws a FaultError. */
  verify(token: string): Promise<Identity>;
  /** An id for a message whose sender gave none; never the same twice. */
  messageId(): string;
  /** Takes a session out of a room. `linger`: its connection was lost. */
  leave(membership: Membership, linger: boolean): void;
}
