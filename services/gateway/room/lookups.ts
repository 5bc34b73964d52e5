/**
 * What a room needs to know when it opens, requested for many rooms at a time: what other gateways state
 * about it, and where its archive ends.
 *
 * @module
 */
import { HistoryHeads, MAX_BATCH, RoomsRoster, type RosterPart } from "../../contract/mod.ts";
import { Batcher, type Bus, request } from "../../kit/mod.ts";

/** Rooms that may wait for a lookup, and how long each may take in all, milliseconds. */
const MAX_QUEUE = 20_000;
const DEADLINE_MS = 4_000;

/** The lookups of one gateway. Both throw a FaultError `unavailable` if the service is too slow. */
export interface Lookups {
  /** Returns what other gateways state about a room. */
  roster(room: string): Promise<RosterPart[]>;
  /** Returns the seq of a room's last archived message, 0 for none, and the log it belongs to. */
  archiveHead(room: string): Promise<{ seq: number; epoch: string }>;
  close(): void;
}

/** Makes the lookups of one gateway. */
export function createLookups(bus: Bus, gateway: string): Lookups {
  const limits = { maxBatch: MAX_BATCH, maxQueue: MAX_QUEUE, deadlineMs: DEADLINE_MS };
  const rosters = new Batcher<string, RosterPart[]>({
    ...limits,
    async send(rooms, timeout) {
      return (await request(bus, RoomsRoster, { gateway, rooms }, { timeout })).rosters;
    },
  });
  const heads = new Batcher<string, { seq: number; epoch: string }>({
    ...limits,
    async send(rooms, timeout) {
      const { epoch, epochs, heads } = await request(bus, HistoryHeads, { rooms }, { timeout });
      return heads.map((seq, i) => ({ seq, epoch: epochs?.[i] ?? epoch }));
    },
  });
  return {
    roster: (room) => rosters.submit(room),
    archiveHead: (room) => heads.submit(room),
    close() {
      rosters.close();
      heads.close();
    },
  };
}
