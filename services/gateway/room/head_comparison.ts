/**
 * Compares the rooms of this gateway with the log, at a low rate. A live copy that NATS has lost on its way
 * to this gateway is noticed when the next message of its room arrives. This finds it where none follows.
 *
 * The archive tells where rooms end, many at a time: it follows the log's leader within a fraction of a
 * second, and it is where the missing messages are read from. A room that ends there after what it
 * delivered here, and still does a moment later, has missed something.
 *
 * Each room is compared once in {@link ROUND_MS}. A request for 256 rooms takes persistence 2.2 ms of CPU
 * (SQLite, 100,000 rooms) and the gateway 1.1 ms: 0.6 % and 0.3 % of a core for 10,000 rooms, 6 % and 3 % for
 * 100,000. Beyond that a round takes longer, because requests are 25 ms apart at least.
 *
 * @module
 */
import { HistoryHeads, MAX_BATCH } from "../../contract/mod.ts";
import { type Bus, errorText, request } from "../../kit/mod.ts";

/** The time in which every room is compared once, milliseconds. */
const ROUND_MS = 20_000;

/** The shortest time between two requests, milliseconds, less the jitter. */
const MIN_INTERVAL_MS = 50;

/** How long a request may take, milliseconds. */
const TIMEOUT_MS = 4_000;

/** The longest wait after a failure, milliseconds. */
const RETRY_MS = 2_000;

/** How long a live copy may take after its message was archived, milliseconds. */
const GRACE_MS = 1_000;

/** A room, as far as a comparison needs it. */
export interface ComparedRoom {
  readonly name: string;
  /** Whether it has a log. */
  readonly stored: boolean;
  /** The seq of the last message delivered here. */
  readonly head: number;
  /** Its log has reached the seq `head`. */
  missed(head: number): void;
}

/** What a comparison needs from the gateway. */
export interface ComparisonDeps {
  bus: Bus;
  /** The epoch of a room's log, as the gateway knows it. */
  epochOf(room: string): string | null;
  /** The rooms that the gateway holds; rooms may come and go while they are read. */
  rooms(): Iterator<ComparedRoom>;
  /** How many there are. */
  size(): number;
  /** In place of {@link ROUND_MS}, for tests. */
  roundMs?: number;
}

/** A room whose log of this epoch has reached a seq that has not been delivered here. */
interface Behind {
  room: ComparedRoom;
  epoch: string;
  head: number;
}

/** Compares rooms from now on. Returns a function that stops. */
export function compareHeads(deps: ComparisonDeps): () => void {
  const { bus, roundMs = ROUND_MS } = deps;
  let rooms = deps.rooms();
  let batch: ComparedRoom[] = [];
  let stopped = false;
  let failing = false;
  let timer: ReturnType<typeof setTimeout> | undefined;

  /** The next rooms; from the beginning again when all have been compared. */
  const fill = () => {
    for (let left = deps.size(); left > 0 && batch.length < MAX_BATCH; left--) {
      let next = rooms.next();
      if (next.done) {
        rooms = deps.rooms();
        if (batch.length > 0) return;
        next = rooms.next();
        if (next.done) return;
      }
      if (next.value.stored) batch.push(next.value);
    }
  };
  const compare = async () => {
    const epochs = batch.map(({ name }) => deps.epochOf(name));
    if (epochs.every((epoch) => epoch === null)) return;
    const answer = await request(
      bus,
      HistoryHeads,
      { rooms: batch.map(({ name }) => name) },
      { timeout: TIMEOUT_MS },
    );
    const behind: Behind[] = [];
    for (const [i, room] of batch.entries()) {
      const epoch = answer.epochs?.[i] ?? answer.epoch;
      const head = answer.heads[i]!;
      if (epoch === epochs[i] && head > room.head) behind.push({ room, epoch, head });
    }
    if (behind.length === 0) return;
    // Not awaited: in a busy system there is always a message on its way.
    setTimeout(() => repair(behind), GRACE_MS);
  };
  const repair = (behind: readonly Behind[]) => {
    if (stopped) return;
    const missing = behind.filter(({ room, epoch, head }) =>
      head > room.head && deps.epochOf(room.name) === epoch
    );
    for (const { room, head } of missing) room.missed(head);
    if (missing.length > 0) {
      const names = missing.slice(0, 5).map(({ room }) => room.name);
      bus.log.warn("live messages were lost; reading them from the archive", {
        rooms: missing.length,
        first: names,
      });
    }
  };
  const turn = async () => {
    try {
      if (bus.connected) {
        if (batch.length === 0) fill();
        if (batch.length > 0) await compare();
        batch = [];
      }
      failing = false;
    } catch (error) {
      // Without the archive nothing could be repaired either. The same rooms are next.
      if (!failing) bus.log.debug("rooms were not compared", { error: errorText(error) });
      failing = true;
    }
    if (stopped) return;
    const interval = Math.max(roundMs / Math.ceil(deps.size() / MAX_BATCH || 1), MIN_INTERVAL_MS);
    const wait = failing ? Math.min(interval, RETRY_MS) : interval;
    timer = setTimeout(turn, wait * (0.5 + Math.random() / 2));
  };
  timer = setTimeout(turn, Math.random() * Math.min(roundMs, RETRY_MS));
  return () => {
    stopped = true;
    clearTimeout(timer);
  };
}
