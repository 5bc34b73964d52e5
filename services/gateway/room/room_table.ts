/**
 * The rooms that this gateway serves: opened with the first member, kept a while after the last so
 * that those who come back find the recent messages, all repaired when NATS comes back.
 *
 * @module
 */
import { type Grant, HEADERS, messageSubject, ROOMS_STREAM } from "../../contract/mod.ts";
import { errorText, FaultError } from "../../kit/mod.ts";
import type { Log } from "./log_epoch.ts";
import { type LastSeq, Room, type RoomDeps } from "./room.ts";
import { createWindowBudget } from "./window.ts";

/** How long a room without members is kept, milliseconds, and how many at most. */
const KEEP_EMPTY_MS = 30_000;
const MAX_EMPTY = 1_000;

/** How often empty rooms are looked through, milliseconds. */
const SWEEP_MS = 5_000;

/** Rooms whose log is looked up at a time after NATS came back. */
const RESUME_AT_A_TIME = 64;

/** How long asking the log for a room's last message may take, milliseconds. */
const LAST_SEQ_TIMEOUT_MS = 2_000;

interface Held {
  room: Room;
  opened: Promise<void>;
  /** Sessions in it or entering it. */
  users: number;
  emptySince: number;
}

/** See the module's doc. */
export class RoomTable {
  readonly #deps: RoomDeps;
  readonly #log: Log;
  readonly #maxRooms: number;
  readonly #rooms = new Map<string, Held>();
  readonly #empty = new Set<Held>();
  readonly #timer: ReturnType<typeof setInterval>;
  #resuming = 0;

  constructor(
    deps: Omit<RoomDeps, "lastSeq" | "windows" | "doubtLog">,
    log: Log,
    maxRooms: number,
  ) {
    const windows = createWindowBudget();
    const doubtLog = () => log.check();
    this.#deps = { ...deps, windows, doubtLog, lastSeq: (room) => this.#lastSeq(room) };
    this.#log = log;
    this.#maxRooms = maxRooms;
    this.#timer = setInterval(() => this.#sweep(performance.now()), SWEEP_MS);
    const { bus } = deps;
    bus.onDisconnect(() => {
      this.#resuming++;
      for (const { room } of this.#rooms.values()) room.suspend();
    });
    // After the log is known again: its epoch may be another one.
    log.onReturn(() => void this.#resumeAll());
  }

  /** The highest seq that was delivered here. */
  get head(): number {
    let head = 0;
    for (const { room } of this.#rooms.values()) head = Math.max(head, room.head);
    return head;
  }

  /** How many rooms are held, and how many of them have nobody in them. */
  get size(): { held: number; empty: number } {
    return { held: this.#rooms.size, empty: this.#empty.size };
  }

  /**
   * A room, opened and following its log. Give it back with {@link release}.
   *
   * @throws {FaultError} `unavailable` when its log cannot be reached, or the gateway is full
   */
  async acquire(name: string, grant: Grant): Promise<Room> {
    let held = this.#rooms.get(name);
    if (held === undefined) {
      if (this.#rooms.size >= this.#maxRooms) this.#evict();
      if (this.#rooms.size >= this.#maxRooms) {
        throw new FaultError("unavailable", "this gateway serves too many rooms", 5_000);
      }
      if (!this.#deps.bus.connected) throw new FaultError("unavailable", undefined, 1_000);
      const room = new Room(name, grant, this.#deps);
      held = { room, opened: room.open(), users: 0, emptySince: 0 };
      this.#rooms.set(name, held);
      this.#deps.stats.rooms = this.#rooms.size;
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
        : new FaultError("unavailable", "the room's log is not reached", 1_000);
    }
    return held.room;
  }

  /** One user of the room less. */
  release(room: Room): void {
    const held = this.#rooms.get(room.name);
    if (held === undefined || held.room !== room) return;
    if (--held.users > 0) return;
    held.emptySince = performance.now();
    this.#empty.add(held);
    if (this.#empty.size > MAX_EMPTY) this.#evict();
  }

  /** Forgets every room. */
  clear(): void {
    for (const held of [...this.#rooms.values()]) this.#drop(held);
  }

  /** Stops everything. */
  close(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #sweep(now: number): void {
    for (const held of this.#empty) {
      if (now - held.emptySince < KEEP_EMPTY_MS) break;
      this.#drop(held);
    }
  }

  /** Drops the room that has been empty for the longest. */
  #evict(): void {
    for (const held of this.#empty) return this.#drop(held);
  }

  #drop(held: Held): void {
    held.room.close();
    this.#rooms.delete(held.room.name);
    this.#empty.delete(held);
    this.#deps.stats.rooms = this.#rooms.size;
  }

  async #resumeAll(): Promise<void> {
    const turn = this.#resuming;
    const rooms = [...this.#rooms.values()];
    let next = 0;
    const worker = async () => {
      while (next < rooms.length) {
        const { room } = rooms[next++]!;
        while (turn === this.#resuming && this.#rooms.get(room.name)?.room === room) {
          try {
            await room.resume();
            break;
          } catch (error) {
            this.#deps.bus.log.warn("a room waits for its log", {
              room: room.name,
              error: errorText(error),
            });
            await new Promise((resolve) => setTimeout(resolve, 500));
          }
        }
      }
    };
    await Promise.all(Array.from({ length: RESUME_AT_A_TIME }, worker));
  }

  /**
   * The last stored seq of a room: from the stream itself, which is never behind; where the stream
   * has nothing (any more), from the archive.
   */
  async #lastSeq(room: string): Promise<LastSeq> {
    const { bus, history } = this.#deps;
    if (!bus.connected) throw new FaultError("unavailable", undefined, 1_000);
    const message = await bus.nats.request(
      `$JS.API.DIRECT.GET.${ROOMS_STREAM}.${messageSubject(room)}`,
      "",
      { timeout: LAST_SEQ_TIMEOUT_MS },
    );
    const sequence = message.headers?.get(HEADERS.sequence);
    if (sequence) return { seq: Number(sequence), known: true };
    if (message.headers?.code !== 404) {
      throw new FaultError("unavailable", "the room's log is not reached", 1_000);
    }
    try {
      const page = await history.page({ room, limit: 1 });
      if (page.epoch !== this.#log.epoch) return { seq: 0, known: false };
      return { seq: page.messages[0]?.seq ?? page.trimmedTo, known: true };
    } catch {
      // The archive is away; a live room needs none, only recovery does.
      return { seq: 0, known: false };
    }
  }
}
