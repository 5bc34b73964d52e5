/**
 * One room on this gateway: its members here, its recent messages, and the NATS subscriptions that
 * feed it. Fan-out is here: one frame a message, the same bytes to every member.
 *
 * @module
 */
import type { Msg, Subscription } from "@nats-io/transport-node";
import type * as z from "zod";
import {
  type Grant,
  HEADERS,
  liveSubject,
  RoomEvent,
  SignalEvent,
  signalSubject,
} from "../../contract/mod.ts";
import {
  type Bus,
  contextOf,
  errorText,
  FaultError,
  hasWireHeader,
  headerName,
  natsAttributes,
  recordedTraceparent,
  SpanKind,
  startHop,
  wireHeaderNumber,
} from "../../kit/mod.ts";
import { Feed } from "./feed.ts";
import type { FlushSchedule } from "../wire/flush_schedule.ts";
import { messageFrame, signalFrame } from "../wire/frame.ts";
import type { HistoryReader } from "./history_reader.ts";
import type { Membership } from "../session/membership.ts";
import { RoomPresence } from "./room_presence.ts";
import { type Entry, Sequencer } from "./sequencer.ts";
import type { Stats } from "../stats.ts";
import { Window, type WindowBudget } from "./window.ts";

/** How far a room's log reaches. */
export interface LastSeq {
  /** The seq of its last stored message; 0 where there is none. */
  seq: number;
  /** False where only the archive could tell, and is away: then `seq` is 0. */
  known: boolean;
}

/** How long a room may take to be whole before who waits for it is told `unavailable`, ms. */
const SETTLE_MS = 4_000;

const SEQUENCE = headerName(HEADERS.sequence);
const LAST_SEQUENCE = headerName(HEADERS.lastSequence);
const CHECKED = headerName(HEADERS.checked);

/** What a room needs of its gateway. */
export interface RoomDeps {
  bus: Bus;
  history: HistoryReader;
  stats: Stats;
  windows: WindowBudget;
  flushes: FlushSchedule;
  /** See {@link LastSeq}. Throws a FaultError `unavailable` where the log is not reached. */
  lastSeq(room: string): Promise<LastSeq>;
  /** Something shows that the log may be another one than it was. */
  doubtLog(): void;
}

/** See the module's doc. Made by the room table alone. */
export class Room {
  readonly name: string;
  readonly stored: boolean;
  readonly members: Membership[] = [];
  readonly window: Window;
  readonly #deps: RoomDeps;
  readonly #feed: Feed;
  readonly #sequencer: Sequencer;
  /** Null where the room has no presence. */
  readonly presence: RoomPresence | null;
  readonly #subscriptions: Subscription[];
  #whole = true;

  constructor(name: string, { stored, presence }: Grant, deps: RoomDeps) {
    this.name = name;
    this.stored = stored;
    this.window = new Window(deps.windows);
    this.#deps = deps;
    this.#feed = new Feed(this.members, deps.flushes);
    this.#sequencer = new Sequencer({
      deliver: (entry, prev) => this.#deliver(entry, prev),
      read: (after, upTo) => deps.history.entries(name, after, upTo),
      repairing: (after, upTo) => {
        deps.stats.repairs++;
        deps.bus.log.debug("repairing a room", { room: name, after, upTo });
      },
      stale: () => deps.doubtLog(),
      failed: (error) => {
        deps.bus.log.warn("a room waits for its archive", { room: name, error: errorText(error) });
      },
    });
    const { bus } = deps;
    this.#subscriptions = [
      bus.nats.subscribe(liveSubject(name), {
        callback: (error, message) => {
          if (error === null) this.#live(message);
        },
      }),
      bus.nats.subscribe(signalSubject(name), {
        callback: (error, message) => {
          if (error === null) this.#signal(message);
        },
      }),
    ];
    this.presence = presence === "off" ? null : new RoomPresence(name, presence, this.members, bus);
  }

  /** The seq of the last message delivered here. */
  get head(): number {
    return this.#sequencer.head;
  }

  /**
   * Finds where the room's log ends and follows it from there. To be called once.
   *
   * @throws {FaultError} `unavailable` where the log is not reached
   */
  async open(): Promise<void> {
    // The subscriptions must be known to the server before anybody is told that they are in, and before
    // the head is read: a message between the two would be missed until the next one shows the gap.
    await this.#deps.bus.nats.flush();
    if (!this.stored) return;
    const { seq, known } = await this.#deps.lastSeq(this.name);
    this.#whole = known;
    this.window.reset(seq);
    this.#sequencer.begin(seq);
    await this.#settled();
  }

  /**
   * Makes sure that the recent messages are truly all since their floor: a room that was opened while
   * the archive was away does not know what came before.
   *
   * @throws {FaultError} `unavailable` while it cannot be known
   */
  async becomeWhole(): Promise<void> {
    if (this.#whole) return;
    const { known } = await this.#deps.lastSeq(this.name);
    if (!known && this.head === 0) {
      throw new FaultError("unavailable", "the archive is away", 1_000);
    }
    this.window.reset(this.head);
    this.#whole = true;
  }

  /** Adds a member. */
  add(membership: Membership): void {
    // What came before the last await may have ended the session.
    if (membership.session.closed) return;
    membership.index = this.members.length;
    // What waits to be given out came before it.
    membership.fed = this.#feed.length;
    this.members.push(membership);
  }

  /** Gives a member what waits for it, since something follows that is for it alone. */
  pull(membership: Membership): void {
    if (membership.index >= 0) this.#feed.pull(membership);
  }

  /** Takes a member out; the last one takes its place. */
  remove(membership: Membership): void {
    const { index } = membership;
    if (index < 0) return;
    if (!membership.session.closed) this.pull(membership);
    // That may have been too much for its reader, and have taken it out.
    if (membership.index < 0) return;
    membership.index = -1;
    const last = this.members.pop()!;
    if (last === membership) return;
    this.members[index] = last;
    last.index = index;
  }

  /** Delivers nothing until {@link resume}: NATS is gone, so messages may be missed. */
  suspend(): void {
    this.#sequencer.suspend();
  }

  /** Goes on once it is known how far the log reaches, reading what was missed. */
  async resume(): Promise<void> {
    if (this.stored) this.#sequencer.resume((await this.#deps.lastSeq(this.name)).seq);
    this.presence?.refresh();
  }

  /**
   * Makes sure that everything stored so far has been delivered here.
   *
   * @throws {FaultError} `unavailable` where that takes too long
   */
  async catchUp(): Promise<void> {
    this.#sequencer.reach((await this.#deps.lastSeq(this.name)).seq);
    await this.#settled();
  }

  async #settled(): Promise<void> {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const late = new Promise<never>((_, reject) => {
      const refusal = new FaultError("unavailable", "the room waits for its archive", 1_000);
      timer = setTimeout(() => reject(refusal), SETTLE_MS);
    });
    try {
      await Promise.race([this.#sequencer.settled(), late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Stops listening. */
  close(): void {
    this.#sequencer.stop();
    this.presence?.close();
    this.window.reset(0);
    for (const subscription of this.#subscriptions) subscription.unsubscribe();
  }

  #live(message: Msg): void {
    const seq = wireHeaderNumber(message, SEQUENCE);
    const own = hasWireHeader(message, CHECKED);
    const event = own ? message.data : checked(message.data, this.name, RoomEvent);
    const traceparent = recordedTraceparent(message);
    if (!this.stored) {
      if (event !== null) this.#deliver({ seq: 0, prev: 0, event, traceparent }, 0);
      return;
    }
    // Not by way of the stream.
    if (Number.isNaN(seq)) return;
    const prev = wireHeaderNumber(message, LAST_SEQUENCE);
    if (event !== null) return this.#sequencer.accept({ seq, prev, event, traceparent });
    // Stored all the same, so it keeps its place: the archive shows it the same way.
    this.#deps.bus.log.warn("an invalid event was published", { subject: message.subject });
    this.#sequencer.accept({ ...invalidEntry(this.name, seq, Date.now()), prev });
  }

  #deliver(entry: Entry, prev: number): void {
    const frame = messageFrame(entry.event, entry.seq, prev);
    if (frame === null) return;
    const hop = entry.traceparent !== undefined
      ? startHop(
        "deliver room.live",
        SpanKind.CONSUMER,
        contextOf(entry.traceparent),
        {
          ...natsAttributes("process", liveSubject(this.name)),
          "hopwire.room": this.name,
          "hopwire.seq": entry.seq,
          "hopwire.fanout": this.members.length,
        },
      )
      : null;
    if (this.stored) this.window.push({ seq: entry.seq, frame });
    this.#deps.stats.deliveries += this.members.length;
    this.#feed.push(frame);
    hop?.end();
  }

  #signal(message: Msg): void {
    const { data } = message;
    const own = hasWireHeader(message, CHECKED);
    const event = own ? data : checked(data, this.name, SignalEvent);
    const frame = event === null ? null : signalFrame(event);
    if (frame === null) {
      return this.#deps.bus.log.warn("an invalid signal was passed over", {
        subject: message.subject,
      });
    }
    this.#feed.push(frame, true);
  }
}

/** An event from a publisher that is no gateway, if it is one: parsed once, by its schema. */
function checked<Event extends { room: string }>(
  data: Uint8Array,
  room: string,
  schema: z.ZodType<Event>,
): Uint8Array | null {
  try {
    const parsed = schema.safeParse(JSON.parse(new TextDecoder().decode(data)));
    if (!parsed.success || parsed.data.room !== room) return null;
    return new TextEncoder().encode(JSON.stringify(parsed.data));
  } catch {
    return null;
  }
}

/** What stands in the place of a stored event that is not valid. */
function invalidEntry(room: string, seq: number, timestamp: number): Omit<Entry, "prev"> {
  const id = `invalid-${seq}`;
  const event: RoomEvent = { room, id, userId: "unknown", username: "", content: null, timestamp };
  return { seq, event: new TextEncoder().encode(JSON.stringify(event)) };
}
