/**
 * The rooms that this gateway serves. A room opens with its first member and stays for a while after
 * its last, so that members who reconnect find the recent messages. When the gateway reconnects to
 * NATS, every room is repaired.
 *
 * @module
 */
import type { Grant } from "../../contract/mod.ts";
import { errorText, FaultError } from "../../kit/mod.ts";
import { compareHeads } from "./head_comparison.ts";
import { readLogHead } from "./log_head.ts";
import type { Lookups } from "./lookups.ts";
import type { Logs } from "./logs.ts";
import { Room } from "./room.ts";
import type { RoomDeps, RoomStats } from "./room_deps.ts";
import { createWindowBudget } from "./window.ts";

/** How long a room without members is kept, milliseconds, and how many such rooms are kept. */
const KEEP_EMPTY_MS = 30_000;
const MAX_EMPTY = 1_000;

/** How often expired empty rooms are closed, milliseconds. */
const SWEEP_MS = 5_000;

/** Rooms whose head is read at a time after a reconnect to NATS. */
const CONCURRENT_RESUMES = 64;

interface Held {
  room: Room;
  opened: Promise<void>;
  /** Sessions that are in the room or joining it. */
  users: number;
  emptySince: number;
  /** Tells whoever opened the room that it has closed. */
  closed(): void;
}

/** The counters that a room table keeps. */
export interface RoomTableStats extends RoomStats {
  /** Rooms held now, empty ones included. */
  rooms: number;
}

/** What a room table needs from the gateway. */
export interface RoomTableDeps
  extends Omit<RoomDeps, "readHead" | "roster" | "windows" | "logOf" | "stats"> {
  stats: RoomTableStats;
  lookups: Lookups;
}

/** See the module's doc. */
export class RoomTable {
  readonly #deps: RoomDeps;
  readonly #stats: RoomTableStats;
  readonly #maxRooms: number;
  readonly #rooms = new Map<string, Held>();
  readonly #empty = new Set<Held>();
  readonly #timer: ReturnType<typeof setInterval>;
  readonly #stopComparing: () => void;
  #resuming = 0;

  /** `maxRooms` bounds the rooms that this gateway serves at a time. */
  constructor(deps: RoomTableDeps, logs: Logs, maxRooms: number) {
    this.#stats = deps.stats;
    const windows = createWindowBudget();
    this.#deps = {
      ...deps,
      windows,
      logOf: (room) => logs.of(room),
      roster: (room) => deps.lookups.roster(room),
      readHead: (room) => readLogHead(deps, room, logs.of(room)),
    };
    this.#maxRooms = maxRooms;
    this.#timer = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    const { bus } = deps;
    this.#stopComparing = compareHeads({
      bus,
      epochOf: (room) => logs.of(room).epoch,
      rooms: () => this.#openRooms(),
      size: () => this.#rooms.size,
    });
    bus.onDisconnect(() => {
      this.#resuming++;
      for (const { room } of this.#rooms.values()) room.suspend();
    });
    // Only after the log's identity is known again: the stream may have been replaced.
    logs.onReconnected(() => void this.#resume([...this.#rooms.values()]));
    logs.onMoved(() => {
      const moved = [...this.#rooms.values()].filter(({ room }) => room.moved);
      for (const { room } of moved) room.suspend();
      void this.#resume(moved);
    });
  }

  /** Drops the content of erased messages of a room, if this gateway holds it. */
  erase(name: string, seqs: readonly number[]): void {
    this.#rooms.get(name)?.room.erase(seqs);
  }

  /** How many rooms are held, and how many of them are empty. */
  get size(): { held: number; empty: number } {
    return { held: this.#rooms.size, empty: this.#empty.size };
  }

  /**
   * Returns an open room that follows its log. Pair each call with one {@link release}. `open` is called if
   * the gateway does not hold the room yet. It throws if the client may not open another room; what it
   * returns is called once the room has closed.
   *
   * @throws {FaultError} `unavailable` if its log cannot be reached, or the gateway serves as many
   * rooms as it may; what `open` throws
   */
  async acquire(name: string, grant: Grant, open: () => () => void): Promise<Room> {
    let held = this.#rooms.get(name);
    if (held === undefined) {
      if (this.#rooms.size >= this.#maxRooms) this.#evict();
      if (this.#rooms.size >= this.#maxRooms) {
        throw new FaultError("unavailable", "this gateway serves too many rooms", 5_000);
      }
      if (!this.#deps.bus.connected) throw new FaultError("unavailable", undefined, 1_000);
      const closed = open();
      const room = new Room(name, grant, this.#deps);
      held = { room, opened: room.open(), users: 0, emptySince: 0, closed };
      this.#rooms.set(name, held);
      this.#stats.rooms = this.#rooms.size;
    }
    held.users++;
    this.#empty.delete(held);
    try {
      await held.opened;
    } catch (error) {
      held.users--;
      if (this.#rooms.get(name) === held) this.#drop(held);
      throw error instanceof FaultError
        ? error
        : new FaultError("unavailable", "the room's log cannot be reached", 1_000);
    }
    return held.room;
  }

  /** Gives a room back. The last release makes it empty. */
  release(room: Room): void {
    const held = this.#rooms.get(room.name);
    if (held === undefined || held.room !== room) return;
    if (--held.users > 0) return;
    held.emptySince = performance.now();
    this.#empty.add(held);
    if (this.#empty.size > MAX_EMPTY) this.#evict();
  }

  /** Closes every room. */
  clear(): void {
    for (const held of [...this.#rooms.values()]) this.#drop(held);
  }

  /** Closes every room and stops the sweep. */
  close(): void {
    clearInterval(this.#timer);
    this.#stopComparing();
    this.clear();
  }

  *#openRooms(): Generator<Room> {
    for (const { room } of this.#rooms.values()) yield room;
  }

  #sweep(now: number): void {
    for (const held of this.#empty) {
      if (now - held.emptySince < KEEP_EMPTY_MS) break;
      this.#drop(held);
    }
  }

  /** Closes the room that has been empty for the longest time. */
  #evict(): void {
    for (const held of this.#empty) return this.#drop(held);
  }

  #drop(held: Held): void {
    if (this.#rooms.get(held.room.name) !== held) return;
    held.room.close();
    held.closed();
    this.#rooms.delete(held.room.name);
    this.#empty.delete(held);
    this.#stats.rooms = this.#rooms.size;
  }

  async #resume(rooms: readonly Held[]): Promise<void> {
    const turn = this.#resuming;
    let next = 0;
    const worker = async () => {
      while (next < rooms.length) {
        const { room, opened } = rooms[next++]!;
        // Opening reads where it begins.
        await opened.catch(() => {});
        while (turn === this.#resuming && this.#rooms.get(room.name)?.room === room) {
          try {
            await room.resume();
            break;
          } catch (error) {
            this.#deps.bus.log.warn("a room is waiting for its log", {
              room: room.name,
              error: errorText(error),
            });
            await new Promise((resolve) => setTimeout(resolve, 500));
          }
        }
      }
    };
    await Promise.all(Array.from({ length: CONCURRENT_RESUMES }, worker));
  }
}
