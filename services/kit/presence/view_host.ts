/**
 * What a presence view needs from its surroundings. No I/O.
 *
 * @module
 */

import type { PresenceFact } from "../../contract/mod.ts";
import type { RosterEvent } from "./roster.ts";

/** Requests missing state. The answers go to `loaded`, `digests` or `bulkLoaded`. */
export interface ViewHost {
  /** Requests what a gateway states about one room. */
  requestRoom(gateway: string, room: string): void;
  /** Requests a gateway's digests by bucket. Only in a view that follows all rooms. */
  requestDigests(gateway: string): void;
  /** Requests all that a gateway states about the rooms of some buckets. Likewise. */
  requestBuckets(gateway: string, buckets: number[]): void;
  /** A gateway with facts appeared: it is new, or its lease had ended. */
  appeared(gateway: string): void;
  /** A gateway's lease has ended: its facts were dropped. `stopped`: it had said that it stops. */
  expired(gateway: string, facts: number, stopped: boolean): void;
}

/** Receives each change of who is in a room, once, in order. */
export type RoomListener = (room: string, event: RosterEvent, fact: PresenceFact) => void;

/** How a view is made. */
export interface ViewOptions {
  /** The listener's own gateway: what it states is known already. */
  own?: string;
  /** Whether all rooms are followed, or only those that are opened. */
  all: boolean;
  /** In a view of all rooms: gets the changes of each of them. */
  changed?: RoomListener | undefined;
}
